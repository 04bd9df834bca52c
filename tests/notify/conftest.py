"""A real mail server and a real web server, each in a thread of its own, and a certificate that the client is told to trust."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agematch.notify.digest import Digest, digest
from agematch.report.night import night_json
from tests.report.nights import BIG


@pytest.fixture
def made() -> Digest:
    return digest(night_json(BIG), report_link="https://reports.example.org/n.html")


# ---------------------------------------------------------------- certificate


@dataclass(frozen=True)
class Certificate:
    path: Path

    @property
    def server_side(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path)
        return context


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make a certificate for `localhost` that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return Certificate(path)


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the certificate, in the way in which an operator makes a system trust one more."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))


# ---------------------------------------------------------------- mail


@dataclass
class Mailbox:
    """Takes mail, or answers each try with the next of `answers` ("" takes it)."""

    answers: list[str] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    tries: int = 0
    refuses: tuple[str, ...] = ()
    turned_to_tls: bool = False

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuses:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.tries += 1
        self.turned_to_tls = session.ssl is not None
        if self.answers and (answer := self.answers.pop(0)):
            return answer
        self.envelopes.append(envelope)
        return "250 taken"


@dataclass(frozen=True)
class MailServer:
    box: Mailbox
    port: int


PASSWORD = "correct horse"


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"night", PASSWORD.encode())
    return AuthResult(success=good, handled=False)  # the server itself answers 535


@pytest.fixture
def mail_server() -> Iterator[Callable[..., MailServer]]:
    running: list[Controller] = []

    def start(box: Mailbox | None = None, **options: Any) -> MailServer:
        box = box or Mailbox()
        with (
            socket.socket() as free
        ):  # the controller connects to the port that it was given, and so cannot take 0
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        controller = Controller(box, hostname="127.0.0.1", port=port, **options)
        controller.start()
        running.append(controller)
        return MailServer(box, port)

    yield start
    for controller in running:
        controller.stop()


# ---------------------------------------------------------------- web


@dataclass
class Desk:
    """Takes posts, or answers each with the next of `answers`: a code, or a code and the address it points to."""

    answers: list[tuple[int, str]] = field(default_factory=list)
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class WebServer:
    desk: Desk
    port: int


@pytest.fixture
def web_server() -> Iterator[Callable[..., WebServer]]:
    running: list[ThreadingHTTPServer] = []

    def start(desk: Desk | None = None, tls: ssl.SSLContext | None = None) -> WebServer:
        desk = desk or Desk()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                desk.methods.append("GET")
                self.answer(200, "")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                desk.methods.append("POST")
                desk.posts.append(
                    (self.path, {key.lower(): value for key, value in self.headers.items()}, body)
                )
                self.answer(*(desk.answers.pop(0) if desk.answers else (204, "")))

            def answer(self, code: int, location: str) -> None:
                self.send_response(code)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *about: Any) -> None:
                """Stay silent: pytest's output is no log of this server."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        running.append(server)
        return WebServer(desk, server.server_address[1])

    yield start
    for server in running:
        server.shutdown()
        server.server_close()
