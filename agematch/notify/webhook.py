"""Post a digest as signed JSON to one address, over HTTPS or within this machine, following no redirect."""

from __future__ import annotations

import hashlib
import hmac
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agematch.config import Settings, on_this_machine
from agematch.i18n import _
from agematch.notify.digest import Digest
from agematch.notify.outcome import TIMEOUT_SECONDS, NotSent, Result, Sent, read_secret

CHANNEL = "webhook"
TOO_MANY = 429
TIMED_OUT = 408


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the digest to a place that nobody configured: it is an answer like any other refusal."""

    def redirect_request(self, *_about: Any) -> None:
        return None


def signature(secret: str, timestamp: str, payload: bytes) -> str:
    """Sign a payload and the second at which it was sent, so that neither can be changed nor sent again later.

    HMAC-SHA256 (RFC 2104) over `timestamp`, a full stop and the payload, as hexadecimal digits after "sha256=".
    """
    signed = timestamp.encode("ascii") + b"." + payload
    return "sha256=" + hmac.new(secret.encode("utf-8"), signed, hashlib.sha256).hexdigest()


def post(
    digest: Digest,
    settings: Settings,
    timeout_seconds: float = TIMEOUT_SECONDS,
    clock: Callable[[], float] = time.time,
) -> Result:
    """Post a digest to `webhook_url`, once; what goes wrong is returned, and says whether it may pass.

    The headers X-Agematch-Timestamp and X-Agematch-Signature carry what `signature` makes of `webhook_secret_file`;
    X-Agematch-Delivery is the same for every try of one night.
    """
    where = urlsplit(settings.webhook_url)
    within = where.scheme == "http" and on_this_machine(where.hostname or "")
    if where.scheme != "https" and not within:
        return NotSent(CHANNEL, _("without https nothing is sent to another machine"))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "agematch",
        "X-Agematch-Delivery": digest.key,
        "X-Agematch-Timestamp": (timestamp := str(int(clock()))),
    }
    if settings.webhook_secret_file:
        try:
            secret = read_secret(Path(settings.webhook_secret_file))
        except (OSError, UnicodeDecodeError) as err:
            return NotSent(CHANNEL, _("the secret cannot be read: {reason}").format(reason=err))
        headers["X-Agematch-Signature"] = signature(secret, timestamp, digest.payload)
    request = urllib.request.Request(settings.webhook_url, digest.payload, headers, method="POST")
    opener = urllib.request.build_opener(
        _NoRedirect,
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.ProxyHandler(
            {} if within else None
        ),  # what stays on this machine goes through no proxy
    )
    try:
        with opener.open(request, timeout=timeout_seconds):
            return Sent(CHANNEL)
    except urllib.error.HTTPError as err:
        err.close()
        if 300 <= err.code < 400:
            return NotSent(
                CHANNEL, _("the server points to another address; set webhook_url to the final one")
            )
        return NotSent(
            CHANNEL,
            _("the server answered with code {code}").format(code=err.code),
            may_pass=err.code >= 500 or err.code in (TOO_MANY, TIMED_OUT),
        )
    except urllib.error.URLError as err:
        if isinstance(err.reason, ssl.SSLCertVerificationError):
            text = _("the server's certificate cannot be trusted: {reason}")
            return NotSent(CHANNEL, text.format(reason=err.reason.verify_message))
        return _broke_off(err.reason)
    except (OSError, HTTPException) as err:
        return _broke_off(err)


def _broke_off(err: object) -> NotSent:
    reason = _("the server cannot be reached or broke off: {reason}").format(reason=type(err).__name__)
    return NotSent(CHANNEL, reason, may_pass=True)
