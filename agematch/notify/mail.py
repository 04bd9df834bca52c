"""Send a digest by e-mail: over TLS to a server whose certificate is checked, or to a server on this machine."""

from __future__ import annotations

import re
import smtplib
import ssl
from contextlib import closing, suppress
from email.message import EmailMessage
from pathlib import Path

from agematch.config import Settings, on_this_machine
from agematch.i18n import _
from agematch.notify.digest import Digest
from agematch.notify.outcome import TIMEOUT_SECONDS, NotSent, Result, Sent, read_secret

CHANNEL = "mail"


def message(digest: Digest, settings: Settings) -> EmailMessage:
    """Return the mail. Its id follows from the night, so that a second copy can be recognised as one."""
    mail = EmailMessage()
    mail["Subject"] = digest.subject
    mail["From"] = settings.mail_from
    mail["To"] = ", ".join(settings.mail_to)
    mail["Message-ID"] = f"<night-{re.sub('[:+]', '.', digest.key)}@{_domain(settings)}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers that somebody is on holiday
    mail.set_content(digest.body)
    return mail


def send_mail(digest: Digest, settings: Settings, timeout_seconds: float = TIMEOUT_SECONDS) -> Result:
    """Send a digest to everyone in `mail_to`, once; what goes wrong is returned, and says whether it may pass."""
    if settings.smtp_security == "none" and not on_this_machine(settings.smtp_host):
        return NotSent(CHANNEL, _("without TLS nothing is sent to another machine"))
    try:
        password = read_secret(Path(settings.smtp_password_file)) if settings.smtp_user else ""
    except (OSError, UnicodeDecodeError) as err:
        return NotSent(CHANNEL, _("the password cannot be read: {reason}").format(reason=err))
    try:
        with closing(_connect(settings, timeout_seconds)) as server:
            if settings.smtp_user:
                server.login(settings.smtp_user, password)
            refused = server.send_message(message(digest, settings))
            with suppress(
                smtplib.SMTPException, OSError
            ):  # the message was taken, whatever the server says to goodbye
                server.quit()
    except ssl.SSLCertVerificationError as err:
        reason = _("the server's certificate cannot be trusted: {reason}").format(reason=err.verify_message)
        return NotSent(CHANNEL, reason)
    except smtplib.SMTPAuthenticationError as err:
        return NotSent(CHANNEL, _("the server refused the login (code {code})").format(code=err.smtp_code))
    except smtplib.SMTPRecipientsRefused as err:
        codes = sorted({code for code, _text in err.recipients.values()})
        return NotSent(
            CHANNEL,
            _("the server refused every recipient (code {code})").format(code=", ".join(map(str, codes))),
            may_pass=all(400 <= code < 500 for code in codes),
        )
    except smtplib.SMTPResponseException as err:
        return NotSent(
            CHANNEL,
            _("the server refused the message (code {code})").format(code=err.smtp_code),
            may_pass=not 500 <= err.smtp_code < 600,
        )
    except smtplib.SMTPNotSupportedError:
        return NotSent(CHANNEL, _("the server offers no STARTTLS, no login, or no such address"))
    except UnicodeError:
        return NotSent(CHANNEL, _("the password or an address has signs that mail servers do not take"))
    except (smtplib.SMTPException, OSError) as err:
        reason = _("the server cannot be reached or broke off: {reason}").format(reason=type(err).__name__)
        return NotSent(CHANNEL, reason, may_pass=True)
    return Sent(CHANNEL, refused=len(refused))


def _connect(settings: Settings, timeout_seconds: float) -> smtplib.SMTP:
    where = settings.smtp_host, settings.smtp_port
    if settings.smtp_security == "tls":
        trusted = ssl.create_default_context()
        return smtplib.SMTP_SSL(*where, _domain(settings), timeout=timeout_seconds, context=trusted)
    server = smtplib.SMTP(*where, _domain(settings), timeout=timeout_seconds)
    if settings.smtp_security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server


def _domain(settings: Settings) -> str:
    """Return what to say hello as: asking the system for this machine's full name may take long, and gives it away."""
    return settings.mail_from.rpartition("@")[2]
