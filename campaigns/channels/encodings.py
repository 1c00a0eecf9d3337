"""Texts as lines of ASCII for an e-mail. Pieces that never change from copy to copy are encoded once and kept.

A text comes in pieces; those at even places are alike in all copies of a campaign (campaigns/texts/blanks.py).
"""

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

Encoding = Literal["quoted-printable", "base64"]
_WIDTH = 76  # characters in a line


def encoding_for(pieces: Sequence[str]) -> Encoding:
    """The shorter one: a byte beyond ASCII takes three in quoted-printable; base64 makes everything a third longer."""
    if all(map(str.isascii, pieces)):
        return "quoted-printable"
    foreign = sum(_foreign(piece) if place % 2 == 0 else _count(piece) for place, piece in enumerate(pieces))
    return "base64" if foreign * 6 > sum(map(len, pieces)) + foreign else "quoted-printable"


def encode(pieces: Sequence[str], encoding: Encoding) -> bytes:
    """Lines with CRLF, the last one too."""
    return _base64(pieces) if encoding == "base64" else _quoted(pieces)


def _count(piece: str) -> int:
    """Bytes beyond ASCII."""
    return 0 if piece.isascii() else len(piece.encode()) - len(piece.encode("ascii", "ignore"))


def _unix(piece: str) -> str:
    return piece.replace("\r\n", "\n").replace("\r", "\n") if "\r" in piece else piece


def _quoted(pieces: Sequence[str]) -> bytes:
    """Every piece ends with a soft line break, so that what follows begins a line of its own in the letter's source."""
    own = {piece: _quote(piece) for piece in set(pieces[1::2])}  # an address may stand there many times
    encoded = [b""] * len(pieces)
    encoded[::2] = map(_quoted_once, pieces[::2])
    encoded[1::2] = map(own.__getitem__, pieces[1::2])
    lines = b"".join(encoded)
    return lines.removesuffix(b"=\r\n") + b"\r\n" if lines.endswith(b"=\r\n") else lines


def _quote(piece: str) -> bytes:
    if not piece:
        return b""
    # Outside a line's end a blank may stand as it is, but the soft break makes every end one.
    lines = _TOO_LONG.sub(_folded, b2a_qp(_unix(piece).encode(), istext=True)).replace(b"\n", b"\r\n")
    return lines if lines.endswith(b"\n") else lines + b"=\r\n"


# The standard library lets some lines with bytes beyond ASCII grow by a few characters too many.
_TOO_LONG = re.compile(rb"(?m)^.{76}[^\n]*$")
_ATOMS = re.compile(rb"(?:=[0-9A-F]{2}|[^=]){1,25}")


def _folded(found: re.Match[bytes]) -> bytes:
    line, is_last = found.group(), found.end() == len(found.string)
    if len(line) + is_last <= _WIDTH:  # the last one gets a soft break behind it
        return line
    is_soft = line.endswith(b"=")
    return b"=\n".join(_ATOMS.findall(line.removesuffix(b"="))) + (b"=" if is_soft else b"")


def _base64(pieces: Sequence[str]) -> bytes:
    """Three bytes make four characters: what a piece leaves over waits for the next one."""
    lines, waiting = [], b""
    for place, piece in enumerate(pieces):
        if place % 2:
            waiting += _raw(piece)
            continue
        first, middle, rest = _encoded_once(piece, -len(waiting) % 3)
        waiting += first
        if len(waiting) % 3 == 0:  # else the piece was too short to fill them up
            lines += [_lines(waiting), middle]
            waiting = rest
    return b"".join([*lines, _lines(waiting)])


def _raw(piece: str) -> bytes:
    return _unix(piece).replace("\n", "\r\n").encode()


def _lines(raw: bytes) -> bytes:
    letters = b2a_base64(raw, newline=False)
    return b"".join(letters[start : start + _WIDTH] + b"\r\n" for start in range(0, len(letters), _WIDTH))


_foreign = lru_cache(maxsize=1024)(_count)
_quoted_once = lru_cache(maxsize=1024)(_quote)


@lru_cache(maxsize=1024)
def _encoded_once(piece: str, missing: int) -> tuple[bytes, bytes, bytes]:
    """The `missing` first bytes as they are, whole groups of three as lines, and what is left over."""
    raw = _raw(piece)
    end = len(raw) - (len(raw) - missing) % 3 if len(raw) > missing else len(raw)
    return raw[:missing], _lines(raw[missing:end]), raw[max(end, missing) :]
