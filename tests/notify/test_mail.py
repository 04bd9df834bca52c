from __future__ import annotations

import socket
import threading
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from agematch.config import Settings
from agematch.notify.digest import Digest
from agematch.notify.mail import send_mail
from agematch.notify.outcome import NotSent, Sent, three_times
from tests.notify.conftest import PASSWORD, Certificate, Mailbox, authenticate

pytestmark = pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS"
)  # of the tests' own server


def settings(port: int, **more: Any) -> Settings:
    given = {
        "mail_to": ("li@example.org", "wang@example.org"),
        "mail_from": "night@example.org",
        "smtp_host": "localhost",
        "smtp_port": port,
        "smtp_security": "none",
    }
    return Settings(**(given | more))


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def test_a_mail_arrives_at_everyone(mail_server: Any, made: Digest) -> None:
    server = mail_server()
    assert send_mail(made, settings(server.port)) == Sent("mail")
    (envelope,) = server.box.envelopes
    assert envelope.rcpt_tos == ["li@example.org", "wang@example.org"]
    mail = message_from_bytes(envelope.content, policy=policy.default)
    assert mail["Subject"] == made.subject
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == "<night-n-20261001-7f3a@example.org>"
    assert mail.get_content().splitlines() == made.body.splitlines()
    assert [part.get_content_type() for part in mail.walk()] == ["text/plain"]


def test_chinese_arrives_as_it_was(mail_server: Any, made: Digest) -> None:
    server = mail_server()
    chinese = replace(made, subject="新线索：12", body="上传：41\n不是身份认定。" + "长" * 400)
    assert send_mail(chinese, settings(server.port)) == Sent("mail")
    mail = message_from_bytes(server.box.envelopes[0].content, policy=policy.default)
    assert (mail["Subject"], mail.get_content().splitlines()) == (chinese.subject, chinese.body.splitlines())


def test_the_machine_s_own_name_is_not_given_away(mail_server: Any, made: Digest) -> None:
    server = mail_server()
    send_mail(made, settings(server.port))
    assert socket.gethostname().encode() not in server.box.envelopes[0].content


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_over_tls_with_a_login(
    mail_server: Any, made: Digest, certificate: Certificate, password_file: Path, security: str
) -> None:
    if security == "starttls":
        options = {"tls_context": certificate.server_side, "require_starttls": True}
    else:
        options = {"ssl_context": certificate.server_side, "auth_require_tls": False}
    server = mail_server(authenticator=authenticate, auth_required=True, **options)
    login = {"smtp_user": "night", "smtp_password_file": str(password_file)}
    result = send_mail(made, settings(server.port, smtp_security=security, **login))
    assert result == Sent("mail") and len(server.box.envelopes) == 1
    assert server.box.turned_to_tls is (security == "starttls")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_trusts_stops_the_mail(
    mail_server: Any, made: Digest, certificate: Certificate, security: str
) -> None:
    kind = "tls_context" if security == "starttls" else "ssl_context"
    server = mail_server(**{kind: certificate.server_side})
    result = send_mail(made, settings(server.port, smtp_security=security))
    assert isinstance(result, NotSent) and not result.may_pass
    assert result.reason.startswith("the server's certificate cannot be trusted: self")
    assert server.box.envelopes == []


def test_a_server_without_starttls_gets_nothing(mail_server: Any, made: Digest) -> None:
    server = mail_server()
    result = send_mail(made, settings(server.port, smtp_security="starttls"))
    assert result == NotSent("mail", "the server offers no STARTTLS, no login, or no such address")
    assert server.box.tries == 0


def test_nothing_goes_to_another_machine_without_tls(made: Digest) -> None:
    result = send_mail(made, settings(25, smtp_host="mail.example.org"))
    assert result == NotSent("mail", "without TLS nothing is sent to another machine")


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_is_said_without_saying_it(
    mail_server: Any, made: Digest, certificate: Certificate, password_file: Path
) -> None:
    password_file.write_text("battery staple", encoding="utf-8")
    server = mail_server(authenticator=authenticate, auth_required=True, tls_context=certificate.server_side)
    login = {"smtp_user": "night", "smtp_password_file": str(password_file), "smtp_security": "starttls"}
    result = send_mail(made, settings(server.port, **login))
    assert result == NotSent("mail", "the server refused the login (code 535)")


@pytest.mark.parametrize(
    ("mode", "text", "said"),
    [
        (0o644, PASSWORD, "may be read by every account"),
        (0o600, "\n", "is empty"),
        (None, "", "No such file"),
    ],
)
def test_a_password_file_that_does_not_serve(
    made: Digest, tmp_path: Path, mode: int | None, text: str, said: str
) -> None:
    path = tmp_path / "password"
    if mode is not None:
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
    result = send_mail(made, settings(1, smtp_user="night", smtp_password_file=str(path)))
    assert isinstance(result, NotSent) and said in result.reason and PASSWORD not in result.reason


def test_one_recipient_of_two_is_refused(mail_server: Any, made: Digest) -> None:
    server = mail_server(Mailbox(refuses=("wang@example.org",)))
    assert send_mail(made, settings(server.port)) == Sent("mail", refused=1)


def test_all_recipients_are_refused(mail_server: Any, made: Digest) -> None:
    server = mail_server(Mailbox(refuses=("li@example.org", "wang@example.org")))
    result = send_mail(made, settings(server.port))
    assert result == NotSent("mail", "the server refused every recipient (code 550)")


def test_what_may_pass_is_tried_again_and_arrives_once(mail_server: Any, made: Digest) -> None:
    server = mail_server(Mailbox(answers=["451 try later", "451 try later"]))
    result = three_times(lambda: send_mail(made, settings(server.port)), first_pause_seconds=0)
    assert result == Sent("mail", tries=3) and len(server.box.envelopes) == 1


def test_it_is_tried_three_times_and_no_more(mail_server: Any, made: Digest) -> None:
    server = mail_server(Mailbox(answers=["451 try later"] * 9))
    result = three_times(lambda: send_mail(made, settings(server.port)), first_pause_seconds=0)
    assert result == NotSent("mail", "the server refused the message (code 451)", may_pass=True, tries=3)
    assert server.box.tries == 3


def test_what_cannot_pass_is_not_tried_again(mail_server: Any, made: Digest) -> None:
    server = mail_server(Mailbox(answers=["554 no"] * 9))
    result = three_times(lambda: send_mail(made, settings(server.port)), first_pause_seconds=0)
    assert result == NotSent("mail", "the server refused the message (code 554)") and server.box.tries == 1


def test_nobody_listens(made: Digest) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = send_mail(made, settings(taken.getsockname()[1]))
    assert isinstance(result, NotSent) and result.may_pass
    assert result.reason == "the server cannot be reached or broke off: ConnectionRefusedError"


def test_a_server_that_never_answers_does_not_hold_the_night(made: Digest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = send_mail(made, settings(silent.getsockname()[1]), timeout_seconds=0.2)
    assert isinstance(result, NotSent) and result.may_pass and "broke off" in result.reason


@pytest.mark.parametrize("said", [b"\xff\xfe\r\n", b"220 x\r\n250 " + b"x" * 9_000 + b"\r\n", b""])
def test_a_server_that_talks_nonsense(made: Digest, said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as strange:

        def talk() -> None:
            connection, _address = strange.accept()
            with connection:
                connection.sendall(said)
                connection.settimeout(0.3)

        thread = threading.Thread(target=talk)
        thread.start()
        result = send_mail(made, settings(strange.getsockname()[1]), timeout_seconds=0.5)
        thread.join()
    assert isinstance(result, NotSent)


def test_a_password_that_mail_servers_do_not_take(
    mail_server: Any, made: Digest, password_file: Path
) -> None:
    password_file.write_text("密码", encoding="utf-8")
    server = mail_server(authenticator=authenticate, auth_required=True, auth_require_tls=False)
    login = {"smtp_user": "night", "smtp_password_file": str(password_file)}
    result = send_mail(made, settings(server.port, **login))
    assert result == NotSent("mail", "the password or an address has signs that mail servers do not take")
