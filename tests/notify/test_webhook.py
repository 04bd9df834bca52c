from __future__ import annotations

import hashlib
import hmac
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from agematch.config import Settings
from agematch.notify.deliver import deliver
from agematch.notify.digest import Digest
from agematch.notify.outcome import NotSent, Sent
from agematch.notify.webhook import post, signature
from tests.notify.conftest import Certificate, Desk, Mailbox


def settings(port: int, scheme: str = "http", **more: Any) -> Settings:
    return Settings(webhook_url=f"{scheme}://localhost:{port}/hooks/night?team=1", **more)


def test_the_digest_arrives_signed(web_server: Any, made: Digest, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n", encoding="utf-8")
    secret.chmod(0o600)
    server = web_server()
    result = post(made, settings(server.port, webhook_secret_file=str(secret)), clock=lambda: 1_790_000_000.9)
    assert result == Sent("webhook")
    ((path, headers, body),) = server.desk.posts
    assert path == "/hooks/night?team=1"
    assert json.loads(body) == made.document and headers["content-type"] == "application/json"
    assert headers["x-agematch-timestamp"] == "1790000000"
    assert headers["x-agematch-delivery"] == "n-20261001-7f3a"
    by_hand = hmac.new(b"open sesame", b"1790000000." + body, hashlib.sha256).hexdigest()
    assert headers["x-agematch-signature"] == "sha256=" + by_hand


def test_without_a_secret_there_is_no_signature(web_server: Any, made: Digest) -> None:
    server = web_server()
    assert post(made, settings(server.port)) == Sent("webhook")
    assert "x-agematch-signature" not in server.desk.posts[0][1]


def test_a_signature_holds_for_one_moment_and_one_payload() -> None:
    assert (
        len(
            {
                signature("s", "1", b"a"),
                signature("s", "2", b"a"),
                signature("s", "1", b"b"),
                signature("t", "1", b"a"),
            }
        )
        == 4
    )


@pytest.mark.usefixtures("trusted")
def test_over_https(web_server: Any, made: Digest, certificate: Certificate) -> None:
    server = web_server(tls=certificate.server_side)
    assert post(made, settings(server.port, "https")) == Sent("webhook")


def test_a_certificate_that_nobody_trusts(web_server: Any, made: Digest, certificate: Certificate) -> None:
    server = web_server(tls=certificate.server_side)
    result = post(made, settings(server.port, "https"))
    assert isinstance(result, NotSent) and not result.may_pass
    assert result.reason.startswith("the server's certificate cannot be trusted: self")
    assert server.desk.posts == []


@pytest.mark.parametrize("url", ["http://example.org/x", "ftp://localhost/x", "file:///etc/passwd", ""])
def test_nothing_goes_to_another_machine_in_the_clear(made: Digest, url: str) -> None:
    result = post(made, Settings(webhook_url=url))
    assert result == NotSent("webhook", "without https nothing is sent to another machine")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(web_server: Any, made: Digest, code: int) -> None:
    elsewhere = web_server()
    server = web_server(Desk(answers=[(code, f"http://localhost:{elsewhere.port}/")]))
    result = post(made, settings(server.port))
    assert result == NotSent(
        "webhook", "the server points to another address; set webhook_url to the final one"
    )
    assert elsewhere.desk.methods == []


@pytest.mark.parametrize(
    ("code", "may_pass"), [(400, False), (401, False), (404, False), (408, True), (429, True), (503, True)]
)
def test_refusals(web_server: Any, made: Digest, code: int, may_pass: bool) -> None:
    server = web_server(Desk(answers=[(code, "")]))
    result = post(made, settings(server.port))
    assert result == NotSent("webhook", f"the server answered with code {code}", may_pass)


def test_a_proxy_does_not_see_what_stays_on_this_machine(
    web_server: Any, made: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, server = web_server(), web_server()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    assert post(made, settings(server.port)) == Sent("webhook")
    assert (len(proxy.desk.posts), len(server.desk.posts)) == (0, 1)


def test_a_secret_that_others_can_read_is_not_used(web_server: Any, made: Digest, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame", encoding="utf-8")
    secret.chmod(0o644)
    server = web_server()
    result = post(made, settings(server.port, webhook_secret_file=str(secret)))
    assert isinstance(result, NotSent) and "may be read by every account" in result.reason
    assert server.desk.posts == []


def test_a_server_that_never_answers_does_not_hold_the_night(made: Digest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = post(made, settings(silent.getsockname()[1]), timeout_seconds=0.2)
    assert isinstance(result, NotSent) and result.may_pass and "TimeoutError" in result.reason


# ---------------------------------------------------------------- both ways


def test_nothing_is_sent_unless_it_is_configured(made: Digest) -> None:
    assert deliver(made, Settings()) == ()
    assert deliver(made, Settings(smtp_host="localhost", mail_from="a@b", report_url="https://x")) == ()


def test_both_ways_each_on_its_own(web_server: Any, mail_server: Any, made: Digest) -> None:
    mail, web = mail_server(Mailbox(answers=["554 no"])), web_server(Desk(answers=[(503, ""), (503, "")]))
    both = Settings(
        mail_to=("li@example.org",),
        mail_from="night@example.org",
        smtp_host="127.0.0.1",
        smtp_port=mail.port,
        smtp_security="none",
        webhook_url=f"http://127.0.0.1:{web.port}/",
    )
    assert deliver(made, both, first_pause_seconds=0) == (
        NotSent("mail", "the server refused the message (code 554)"),
        Sent("webhook", tries=3),
    )
    deliveries = {headers["x-agematch-delivery"] for _path, headers, _body in web.desk.posts}
    assert deliveries == {"n-20261001-7f3a"} and len(web.desk.posts) == 3


def test_reasons_hold_no_address_and_no_secret(made: Digest) -> None:
    """The path of a webhook is often its password."""
    result = post(made, Settings(webhook_url="http://localhost:1/T0P/SECRET"))
    assert isinstance(result, NotSent) and "SECRET" not in result.reason and "localhost" not in result.reason
