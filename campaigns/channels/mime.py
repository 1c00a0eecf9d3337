"""An e-mail as bytes, built by hand: the standard library's message classes take twenty times as long.

What is alike in all copies of a campaign (sender, subject, part heads, the text around the blanks) is encoded once; a
copy adds its recipient, number, address to leave, and what stands in its blanks.
"""

import re
import time
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime
from functools import lru_cache

from campaigns.channels.base import Envelope
from campaigns.channels.dkim import Signer
from campaigns.channels.encodings import Encoding, encode, encoding_for

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_BOUNDARY = "=-crm-alternative-="  # neither encoding can bring forth "=-"
_END = f"--{_BOUNDARY}--\r\n".encode()


def build(envelope: Envelope, *, message_id: str, date: float | None = None, signer: Signer | None = None) -> bytes:
    """The complete message with CRLF line ends. No value can begin a header of its own."""
    head = "".join(
        [
            _sender_lines(envelope.sender_name, envelope.sender),
            f"To: {_clean(envelope.to)}\r\nSubject: {encoded(envelope.subject)}\r\n",
            f"Date: {_written_date(int(time.time() if date is None else date))}\r\nMessage-ID: {message_id}\r\n",
            _list_lines(envelope),
        ]
    ).encode()
    body = b"".join([*_parts(envelope), _END])
    signature = signer.header(head, body) if signer else b""
    return b"".join([signature, head, b"\r\n", body])


def _parts(envelope: Envelope) -> list[bytes]:
    found = []
    for kind, text, pieces in (
        ("plain", envelope.text, envelope.text_pieces),
        ("html", envelope.html, envelope.html_pieces),
    ):
        if text:
            pieces = pieces or ("", text)
            encoding = encoding_for(pieces)
            found += [_part_head(kind, encoding), encode(pieces, encoding)]
    return found


def _list_lines(envelope: Envelope) -> str:
    lines = f"Feedback-ID: {_clean(envelope.feedback_id)}\r\n" if envelope.feedback_id else ""
    if envelope.unsubscribe_url:
        # RFC 8058: the mail reader's own button posts here, without a page in between.
        lines += (
            f"List-Unsubscribe: <{_clean(envelope.unsubscribe_url)}>\r\n"
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        )
    return lines


@lru_cache(maxsize=64)
def _sender_lines(name: str, address: str) -> str:
    kind = f'Content-Type: multipart/alternative; boundary="{_BOUNDARY}"'
    return f"From: {mailbox(name, address)}\r\nMIME-Version: 1.0\r\n{kind}\r\n"


@lru_cache(maxsize=8)
def _part_head(kind: str, encoding: Encoding) -> bytes:
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}"
    return f"--{_BOUNDARY}\r\n{head}\r\n\r\n".encode()


@lru_cache(maxsize=8)
def _written_date(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC))  # +0000: "GMT" is for readers only (RFC 5322, 4.3)


def _clean(value: str) -> str:
    return _CONTROL.sub("", value)


@lru_cache(maxsize=1024)
def encoded(text: str) -> str:
    """A header value: one line of ASCII, RFC 2047 where it has to be."""
    line = _CONTROL.sub(" ", text).strip()
    if line.isascii() and len(line) < 70:
        return line
    return Header(line, "utf-8", maxlinelen=70).encode(linesep="\r\n")


@lru_cache(maxsize=64)
def mailbox(name: str, address: str) -> str:
    """`"Shop" <news@shop.example>`, or the address alone where there is no name."""
    shown, address = encoded(name), _clean(address)
    if not shown:
        return address
    if shown.isascii() and not shown.startswith("=?"):
        quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{shown} <{address}>"
