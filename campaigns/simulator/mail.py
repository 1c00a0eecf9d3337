"""The SMTP half: aiosmtpd in a thread of its own."""

import asyncio
import os
import re
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from campaigns.simulator.ledger import Ledger

Mode = Callable[[], str]
#: Mailboxes whose domain part begins so are answered "no such user": a bounce to try things out with.
UNKNOWN_DOMAIN = "bounce."
_REFUSALS = {"4xx": "451 4.3.0 Try later", "503": "421 4.3.2 Closing", "5xx": "554 5.7.1 Refused"}
FOR_EVER = 60.0  # seconds


class Sink:
    """Takes what comes, in the present mode. What HTTP says after it took something, SMTP says by its silence."""

    def __init__(self, ledger: Ledger, mode: Mode) -> None:
        self._ledger, self._mode = ledger, mode

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.partition("@")[2].startswith(UNKNOWN_DOMAIN):
            return "550 5.1.1 No such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        mode = self._mode()
        if mode in _REFUSALS:
            return _REFUSALS[mode]
        if mode == "reset":
            _cut(server)
            return "421 4.0.0 Gone"
        if mode == "slow":
            await asyncio.sleep(float(os.environ.get("SIMULATOR_SLOW", "0.2")))
        number = self._take(envelope)
        if mode in ("blackhole", "trickle"):
            await asyncio.sleep(FOR_EVER)
        if mode in ("drop-after-accept", "5xx-after", "blackhole", "trickle"):
            _cut(server)
        return f"250 2.0.0 Taken as {number}"

    def _take(self, envelope: Envelope) -> int:
        content = envelope.original_content or b""
        head, _, _ = content.partition(b"\r\n\r\n")
        found = re.search(rb"(?im)^Message-ID: <([^@>]+)", head)
        key = found.group(1).decode() if found else ""
        return self._ledger.accept(
            channel="email",
            reference=key.partition(".")[0],
            key=key,
            sender=str(envelope.mail_from),
            recipient=", ".join(envelope.rcpt_tos),
            subject=_subject(head),
            body=content.decode(errors="replace"),
        )


def _cut(server: SMTP) -> None:
    if isinstance(server.transport, asyncio.Transport):
        server.transport.abort()


def _subject(head: bytes) -> str:
    message = message_from_bytes(head + b"\r\n\r\n", policy=policy.default)
    return str(message.get("Subject", ""))


def readable(raw: str) -> str:
    """The plain-text part of a stored message."""
    message = message_from_bytes(raw.encode(), policy=policy.default)
    part = message.get_body(("plain", "html")) if isinstance(message, EmailMessage) else None
    return str(part.get_content()) if part is not None else raw


def start(ledger: Ledger, mode: Mode, *, host: str, port: int) -> Controller:
    """Listening when this returns; `controller.server.sockets` tells the port where 0 was asked for."""
    controller = PortController(Sink(ledger, mode), hostname=host, port=port)
    controller.start()
    return controller


class PortController(Controller):
    """Knows the port that the system chose."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]
