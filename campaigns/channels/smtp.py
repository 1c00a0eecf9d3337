"""E-mail over SMTP. It has no idempotency key: what was handed over and not answered stays in doubt.

Where the server offers PIPELINING (RFC 2920), MAIL, RCPT and DATA go in one packet, and those of the next copy travel
with the text of this one: a single round trip for each copy. Answers are read in order all the same, and a copy's text
is only begun once its own DATA was welcomed.
"""

import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from time import monotonic
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from django.utils.translation import gettext as _

from campaigns.channels import mime
from campaigns.channels.base import ChannelDown, Envelope, Outcome, Receipt
from campaigns.channels.dkim import Signer

CONNECT_SECONDS, CALL_SECONDS = 5.0, 20.0
#: No text is begun later than this after the call, so that the last answer is in before the batch's lease ends.
BEGIN_SECONDS = 25.0
#: A connection that was silent for longer may be dead without telling us.
IDLE_SECONDS = 30.0
MOST_AT_ONCE = 500
#: What may stand in a command line: no spaces, no controls, no brackets, one @.
_ADDRESS = re.compile(r"[!-;=?A-~]+@[!-;=?A-~]+")
_NO_MAILBOX = re.compile(r"^5\.1\.[123610]")
#: Answers that are about us, not about this copy: sign in first, wrong password, sender not allowed.
_OURS = {530, 534, 535, 538}

_GONE = (smtplib.SMTPException, OSError)
Reply = tuple[int, bytes]


class SmtpChannel:
    """`smtp://user:password@host:587/?tls=1` (STARTTLS), `smtps://…` (TLS from the start), `smtp://host:25`.

    `?batch=200`: so many copies per call and commit. It is also the most copies in doubt when a worker dies.
    """

    name = "smtp"
    idempotency: Literal["key", "lookup", "none"] = "none"

    def __init__(self, url: str, *, batch_size: int | None = None, signer: Signer | None = None) -> None:
        self._url = urlsplit(url)
        options = parse_qs(self._url.query)
        self.batch_size = min(max(batch_size or _number(options.get("batch", ["1"])[0]), 1), MOST_AT_ONCE)
        self._starttls = options.get("tls", ["0"])[0] == "1"
        self._signer = signer
        self._smtp: smtplib.SMTP | None = None
        self._announced = False  # the commands of the next copy have been sent, their answers not read
        self._taken = 0  # copies over this connection
        self._deadline = self._used_at = 0.0

    def open(self) -> None:
        if self._smtp is not None and monotonic() - self._used_at < IDLE_SECONDS:
            return
        self.close()
        try:
            self._smtp = self._connect()
        except smtplib.SMTPAuthenticationError as error:
            raise ChannelDown(_("The mail server refuses our password."), code="provider_auth") from error
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelDown(_("The mail server does not answer: %(error)s") % {"error": error}) from error
        self._used_at = monotonic()

    def close(self) -> None:
        if self._smtp is not None:
            with suppress(*_GONE):
                # Silence after DATA would be taken for an empty text; only a cut takes the commands back.
                if not self._announced:
                    self._smtp.quit()
            self._drop()

    def send(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        written = [self._written(envelope) for envelope in envelopes]
        receipts = {number: copy for number, copy in enumerate(written) if isinstance(copy, Receipt)}
        going = [(envelopes[number], copy) for number, copy in enumerate(written) if isinstance(copy, bytes)]
        answers = iter(self._send_all(going))
        return [receipts[number] if number in receipts else next(answers) for number in range(len(envelopes))]

    def _send_all(self, going: Sequence[tuple[Envelope, bytes]]) -> list[Receipt]:
        until, stop = monotonic() + BEGIN_SECONDS, None
        receipts: list[Receipt] = []
        for place, (envelope, message) in enumerate(going):
            if stop is None and monotonic() > until and not self._announced:
                stop = Receipt("", Outcome.RETRY, reason="provider_busy", detail="too slow for the whole batch")
            if stop is None:
                has_next = place + 1 < len(going) and monotonic() < until
                receipts.append(self._send(envelope, message, going[place + 1][0] if has_next else None))
                stop = _end_of_call(receipts[-1])
            else:
                receipts.append(replace(stop, reference=envelope.reference))
        if self._announced:
            self._drop()  # those commands are not to meet the next call's copies
        return receipts

    def _connect(self) -> smtplib.SMTP:
        host, port = self._url.hostname or "localhost", self._url.port
        context = ssl.create_default_context()
        smtp: smtplib.SMTP
        if self._url.scheme == "smtps":
            smtp = smtplib.SMTP_SSL(host, port or 465, timeout=CONNECT_SECONDS, context=context)
        else:
            smtp = smtplib.SMTP(host, port or 25, timeout=CONNECT_SECONDS)
        if self._starttls:
            smtp.starttls(context=context)
        if self._url.username:
            smtp.login(unquote(self._url.username), unquote(self._url.password or ""))
        smtp.ehlo_or_helo_if_needed()
        if smtp.sock is not None:  # the end of a text is not to wait for an acknowledgement of its beginning
            smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return smtp

    def _written(self, envelope: Envelope) -> bytes | Receipt:
        """The bytes of the copy, or why there are none. Before anything is begun: no copy breaks those beside it."""
        if not _is_address(envelope.to):
            return Receipt(envelope.reference, Outcome.REFUSED, reason="invalid_address")
        if not _is_address(envelope.sender):
            words = f"{envelope.sender} is no address to send from"
            return Receipt(envelope.reference, Outcome.BLOCKED, reason="provider_auth", detail=words[:300])
        try:
            return mime.build(envelope, message_id=_message_id(envelope), signer=self._signer)
        except (ValueError, TypeError) as error:
            return Receipt(envelope.reference, Outcome.REFUSED, reason="render", detail=str(error)[:300])

    def _send(self, envelope: Envelope, message: bytes, following: Envelope | None) -> Receipt:
        self._deadline = monotonic() + CALL_SECONDS
        return self._address(envelope) or self._hand_over(envelope, message, following)

    def _address(self, envelope: Envelope) -> Receipt | None:
        """MAIL, RCPT and DATA. Nothing is taken yet, so a cut here is no doubt: connect once more and repeat.

        So is a goodbye (421) to a connection that has carried copies before: servers limit how many.
        """
        for last in (False, True):
            before = self._taken
            try:
                self.open()
                refusal = self._commands(envelope)
            except ChannelDown as error:
                return Receipt(envelope.reference, Outcome.RETRY, reason="unreachable", detail=error.message)
            except _GONE as error:
                self._drop()
                refusal = Receipt(envelope.reference, Outcome.RETRY, reason="unreachable", detail=str(error)[:300])
            else:
                if refusal is None or not before or not refusal.detail.startswith("421"):
                    return refusal
            if last:
                return refusal
        return None

    def _commands(self, envelope: Envelope) -> Receipt | None:
        replies = self._announcement(envelope) if self._can_pipeline else self._one_by_one(envelope)
        if [code // 10 for code, _text in replies] == [25, 25, 35]:
            return None
        try:
            self._start_over(replies)
        except _GONE:  # it has said no and hung up: the no holds
            self._drop()
        step, (code, text) = next((n, reply) for n, reply in enumerate(replies) if reply[0] // 100 not in (2, 3))
        return _refusal(envelope.reference, code, text, about_recipient=step == 1)

    @property
    def _can_pipeline(self) -> bool:
        return self._smtp is not None and self._smtp.has_extn("pipelining")

    def _announcement(self, envelope: Envelope) -> list[Reply]:
        """Answers to the three commands, which may have travelled with the text of the copy before."""
        smtp = self._timed()
        if not self._announced:
            smtp.send(_commands_for(envelope))
        self._announced = False
        replies: list[Reply] = []
        while len(replies) < 3 and (not replies or replies[-1][0] != 421):
            replies.append(self._reply())
        return replies

    def _one_by_one(self, envelope: Envelope) -> list[Reply]:
        replies: list[Reply] = []
        for command in _commands_for(envelope).splitlines(keepends=True):
            self._timed().send(command)
            replies.append(self._reply())
            if replies[-1][0] // 100 not in (2, 3):
                break
        return replies

    def _start_over(self, replies: list[Reply]) -> None:
        """Leave the server ready for the next copy."""
        codes = [code for code, _text in replies]
        if codes[-1] == 421 or (codes[-1] == 354 and codes[1] // 100 == 2):
            self._drop()  # an end of text would hand over an empty one
            return
        if codes[-1] == 354:  # it waits for a text that nobody is to get
            self._timed().send(b".\r\n")
            self._reply()
        self._timed().send(b"RSET\r\n")
        self._reply()

    def _hand_over(self, envelope: Envelope, message: bytes, following: Envelope | None) -> Receipt:
        """The text. From its first byte on, silence means doubt."""
        try:
            smtp = self._timed()
            packet = [_stuffed(message), b".\r\n"]
            if following is not None and self._can_pipeline:
                packet.append(_commands_for(following))
                self._announced = True
            smtp.send(b"".join(packet))
            code, text = self._reply()
        except _GONE as error:
            self._drop()
            return Receipt(envelope.reference, Outcome.UNKNOWN, reason="no_answer", detail=str(error)[:300])
        self._taken += 1
        if code == 421:
            self._drop()
        if code // 100 == 2:
            return Receipt(envelope.reference, Outcome.ACCEPTED, provider_message_id=_message_id(envelope))
        return _refusal(envelope.reference, code, text, about_recipient=False)

    def _reply(self) -> Reply:
        """The next answer. What cannot be read as one of success or refusal is none."""
        reply = self._timed().getreply()
        if reply[0] // 100 not in (2, 3, 4, 5):
            raise smtplib.SMTPServerDisconnected("no readable answer")
        self._used_at = monotonic()
        return reply

    def _timed(self) -> smtplib.SMTP:
        """The connection, with what is left of the call's time as its time-out."""
        left = self._deadline - monotonic()
        if self._smtp is None or self._smtp.sock is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        if left <= 0:
            raise TimeoutError("the call took too long")
        self._smtp.sock.settimeout(left)
        return self._smtp

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp, self._announced, self._taken = None, False, 0


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 1


@lru_cache(maxsize=1024)
def _is_address(text: str) -> bool:
    return bool(_ADDRESS.fullmatch(text)) and text.count("@") == 1


def _message_id(envelope: Envelope) -> str:
    """Always the same for one attempt, so that a copy that came twice could be told."""
    return f"<{envelope.key}@{envelope.sender.partition('@')[2]}>"


def _commands_for(envelope: Envelope) -> bytes:
    return f"MAIL FROM:<{envelope.sender}>\r\nRCPT TO:<{envelope.to}>\r\nDATA\r\n".encode()


def _stuffed(message: bytes) -> bytes:
    """A line that begins with a dot gets a second one (RFC 5321, 4.5.2)."""
    return message.replace(b"\r\n.", b"\r\n..") if b"\r\n." in message else message


def _end_of_call(receipt: Receipt) -> Receipt | None:
    """What those after this copy get without being begun: nothing was handed over, so it is definite."""
    if receipt.outcome is Outcome.UNKNOWN:
        return replace(receipt, outcome=Outcome.RETRY, reason="unreachable")
    return receipt if receipt.outcome is Outcome.BLOCKED or receipt.reason == "unreachable" else None


def _refusal(reference: str, code: int, text: bytes, *, about_recipient: bool) -> Receipt:
    """A definite no: 4xx try later, 5xx never; about our own account: nobody gets anything."""
    words = text.decode(errors="replace")
    detail = f"{code} {words}"[:300]
    if code in _OURS:
        return Receipt(reference, Outcome.BLOCKED, reason="provider_auth", detail=detail)
    if code // 100 == 4:
        return Receipt(reference, Outcome.RETRY, reason="provider_busy", detail=detail)
    gone = about_recipient and bool(_NO_MAILBOX.match(words))
    reason = "no_such_address" if gone else "provider_refused"
    return Receipt(reference, Outcome.REFUSED, reason=reason, detail=detail, no_such_address=gone)
