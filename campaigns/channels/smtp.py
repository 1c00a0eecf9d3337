"""E-mail over SMTP. It has no idempotency key: what was handed over and not answered stays in doubt."""

import re
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from django.utils.translation import gettext as _

from campaigns.channels import mime
from campaigns.channels.base import ChannelDown, Envelope, Outcome, Receipt

CONNECT_SECONDS, CALL_SECONDS = 5.0, 20.0
#: What may stand in a command line: no spaces, no controls, no brackets, one @.
_ADDRESS = re.compile(r"[!-;=?A-~]+@[!-;=?A-~]+")
_NO_MAILBOX = re.compile(r"^5\.1\.[123610]")
#: Answers that are about us, not about this copy: sign in first, wrong password, sender not allowed.
_OURS = {530, 534, 535, 538}

_GONE = (smtplib.SMTPServerDisconnected, OSError)


class SmtpChannel:
    """`smtp://user:password@host:587/?tls=1` (STARTTLS), `smtps://…` (TLS from the start), `smtp://host:25`."""

    name = "smtp"
    idempotency: Literal["key", "lookup", "none"] = "none"
    batch_size = 1

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._starttls = parse_qs(self._url.query).get("tls", ["0"])[0] == "1"
        self._smtp: smtplib.SMTP | None = None
        self._deadline = 0.0

    def open(self) -> None:
        if self._smtp is not None:
            return
        try:
            self._smtp = self._connect()
        except smtplib.SMTPAuthenticationError as error:
            raise ChannelDown(_("The mail server refuses our password."), code="provider_auth") from error
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelDown(_("The mail server does not answer: %(error)s") % {"error": error}) from error

    def close(self) -> None:
        if self._smtp is not None:
            with suppress(*_GONE, smtplib.SMTPException):
                self._smtp.quit()
            self._smtp.close()
            self._smtp = None

    def send(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        return [self._send(envelope) for envelope in envelopes]

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
        return smtp

    def _send(self, envelope: Envelope) -> Receipt:
        if not _ADDRESS.fullmatch(envelope.to) or envelope.to.count("@") != 1:
            return Receipt(envelope.reference, Outcome.REFUSED, reason="invalid_address")
        message_id = f"<{envelope.key}@{envelope.sender.partition('@')[2] or 'localhost'}>"
        message = mime.build(envelope, message_id=message_id)
        self._deadline = monotonic() + CALL_SECONDS
        refusal = self._address(envelope)
        return refusal or self._hand_over(envelope, message, message_id)

    def _address(self, envelope: Envelope) -> Receipt | None:
        """MAIL, RCPT and DATA. Nothing is taken yet, so a cut here is no doubt: connect once more and repeat."""
        for last in (False, True):
            try:
                self.open()
                return self._commands(envelope)
            except ChannelDown as error:
                return Receipt(envelope.reference, Outcome.RETRY, reason="unreachable", detail=error.message)
            except _GONE as error:
                self._drop()
                if last:
                    return Receipt(envelope.reference, Outcome.RETRY, reason="unreachable", detail=str(error))
        return None

    def _commands(self, envelope: Envelope) -> Receipt | None:
        smtp = self._timed()
        mail, rcpt = f"MAIL FROM:<{envelope.sender}>", f"RCPT TO:<{envelope.to}>"
        if smtp.has_extn("pipelining"):
            # RFC 2920: three commands in one packet, one round trip instead of three.
            smtp.send(f"{mail}\r\n{rcpt}\r\nDATA\r\n")
            replies = [smtp.getreply() for _step in range(3)]
        else:
            replies = []
            for command, good in ((mail, 250), (rcpt, 250), ("DATA", 354)):
                replies.append(smtp.docmd(command))
                if replies[-1][0] // 10 != good // 10:
                    break
        if len(replies) == 3 and [code // 10 for code, _text in replies] == [25, 25, 35]:
            return None
        self._start_over(replies)
        step, (code, text) = next((n, reply) for n, reply in enumerate(replies) if reply[0] // 100 not in (2, 3))
        return _refusal(envelope.reference, code, text, about_recipient=step == 1)

    def _start_over(self, replies: list[tuple[int, bytes]]) -> None:
        """Leave the server ready for the next copy."""
        smtp = self._timed()
        if replies[-1][0] == 354:  # it waits for a text that nobody is to get
            smtp.send(".\r\n")
            smtp.getreply()
        if replies[-1][0] == 421:
            self._drop()
        else:
            smtp.rset()

    def _hand_over(self, envelope: Envelope, message: bytes, message_id: str) -> Receipt:
        """The text. From its first byte on, silence means doubt."""
        try:
            smtp = self._timed()
            smtp.send(re.sub(rb"(?m)^\.", b"..", message) + b".\r\n")
            self._timed()
            code, text = smtp.getreply()
        except (*_GONE, smtplib.SMTPException) as error:
            self._drop()
            return Receipt(envelope.reference, Outcome.UNKNOWN, reason="no_answer", detail=str(error)[:300])
        if code // 100 == 2:
            return Receipt(envelope.reference, Outcome.ACCEPTED, provider_message_id=message_id)
        return _refusal(envelope.reference, code, text, about_recipient=False)

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
            self._smtp = None


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
