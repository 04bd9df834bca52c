"""Send the digest of a night to wherever the settings name."""

from __future__ import annotations

from agematch.config import Settings
from agematch.notify.digest import Digest
from agematch.notify.mail import send_mail
from agematch.notify.outcome import FIRST_PAUSE_SECONDS, Result, three_times
from agematch.notify.webhook import post


def deliver(
    digest: Digest, settings: Settings, first_pause_seconds: float = FIRST_PAUSE_SECONDS
) -> tuple[Result, ...]:
    """Send a digest by mail and webhook, each where it is configured and each at most three times.

    Returns one result a channel, none where nothing is configured; nothing that a server does raises.
    """
    ways = []
    if settings.mail_to:
        ways.append(lambda: send_mail(digest, settings))
    if settings.webhook_url:
        ways.append(lambda: post(digest, settings))
    return tuple(three_times(way, first_pause_seconds) for way in ways)
