"""A real mail server (aiosmtpd) in a thread."""

import asyncio
import email
import email.policy
import socket
import ssl
import threading
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.conftest import free_port


class MailServer:
    """An SMTP server in a thread, that can go down and come back.

    Refuses the recipients in ``refused``; keeps what it takes in ``mails``, and who logged in.
    """

    def __init__(self, context: ssl.SSLContext | None = None, password: bytes = b"") -> None:
        self.port = free_port()
        self.refused: set[str] = set()
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.users: list[str] = []
        self.context = context
        self.password = password
        self._loop: asyncio.AbstractEventLoop | None = None

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list
    ) -> str:
        if address in self.refused:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append((list(envelope.rcpt_tos), message))
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _how: Any, data: Any):
        self.users.append(data.login.decode())
        return AuthResult(success=data.password == self.password, handled=False)

    def start(self) -> None:
        """Begin to answer, and return once that is so."""
        loop, begun = asyncio.new_event_loop(), threading.Event()
        options: dict[str, Any] = {"hostname": "localhost"}
        if self.context is not None:
            options |= {
                "tls_context": self.context,
                "require_starttls": True,
                "auth_required": True,
                "authenticator": self.authenticate,
            }

        def serve() -> None:
            asyncio.set_event_loop(loop)
            made = loop.create_server(
                lambda: SMTP(self, loop=loop, **options), "127.0.0.1", self.port, reuse_address=True
            )
            self._server = loop.run_until_complete(made)
            begun.set()
            loop.run_forever()
            self._server.close()
            loop.run_until_complete(self._server.wait_closed())
            loop.close()

        self._loop, self._thread = loop, threading.Thread(target=serve, daemon=True)
        self._thread.start()
        assert begun.wait(30)

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(30)
            self._loop = None
            with socket.socket() as probe:  # nobody listens any more
                assert probe.connect_ex(("127.0.0.1", self.port)) != 0

    def options(self, **more: str) -> dict[str, str]:
        """Return the section of a configuration that uses it."""
        return {
            "smtp_host": "localhost" if self.context else "127.0.0.1",
            "smtp_port": str(self.port),
            "sender": "lstosa@example.org",
            "recipients": "shift@example.org",
            "timeout": "10",
            **more,
        }
