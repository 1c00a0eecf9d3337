"""DKIM (RFC 6376): the domain's own word that a message is its, over headers and body. rsa-sha256 or ed25519-sha256.

Headers are signed relaxed, the body as it stands: it is encoded, so nothing on its way has a reason to touch it.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.utils.translation import gettext as _

from crm_suite.lib.errors import BadInput

#: In this order. RFC 8058 asks for both List-Unsubscribe headers to be signed; From twice keeps a second one out.
SIGNED = (
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Unsubscribe",
    "List-Unsubscribe-Post", "Feedback-ID",
)  # fmt: skip
MIN_RSA_BITS = 1024
_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_SELECTOR = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_BLANKS = re.compile(rb"[ \t]+")


class Signer:
    """One domain's key. `key` is a private key as PEM, RSA or Ed25519. Raises BadInput."""

    def __init__(self, *, domain: str, selector: str, key: str) -> None:
        if not _DOMAIN.fullmatch(domain) or not _SELECTOR.fullmatch(selector):
            raise BadInput(_("This is no domain and selector for DKIM."), code="dkim_name")
        self._domain, self._selector = domain, selector
        self._algorithm, self._sign = _method(key)

    def header(self, head: bytes, body: bytes) -> bytes:
        """The DKIM-Signature line with its CRLF, to be put above `head` (header lines, each with its CRLF)."""
        fields = _fields(head)
        names = [name for name in SIGNED if name.lower() in fields]
        digest = b64encode(sha256(body.rstrip(b"\r\n") + b"\r\n").digest()).decode()
        unsigned = (
            f"DKIM-Signature: v=1; a={self._algorithm}; c=relaxed/simple; d={self._domain}; s={self._selector};\r\n"
            f" h={':'.join([*names, 'From'])};\r\n bh={digest};\r\n b="
        ).encode()
        canonical = b"".join(fields[name.lower()] for name in names) + _relaxed(unsigned).removesuffix(b"\r\n")
        signature = b64encode(self._sign(canonical))
        return unsigned + b"\r\n ".join(signature[at : at + 72] for at in range(0, len(signature), 72)) + b"\r\n"


@cache
def signer(domain: str, selector: str, key: str) -> Signer:
    """The same one for every connection: reading a key takes longer than using it."""
    return Signer(domain=domain, selector=selector, key=key)


def _method(pem: str) -> tuple[str, Callable[[bytes], bytes]]:
    try:
        key = load_pem_private_key(pem.strip().encode(), password=None)
    except (ValueError, TypeError) as error:
        raise BadInput(_("The DKIM key is no private key in PEM."), code="dkim_key") from error
    if isinstance(key, Ed25519PrivateKey):
        return "ed25519-sha256", lambda text: key.sign(sha256(text).digest())  # RFC 8463
    if isinstance(key, RSAPrivateKey) and key.key_size >= MIN_RSA_BITS:
        return "rsa-sha256", lambda text: key.sign(text, PKCS1v15(), SHA256())
    raise BadInput(_("The DKIM key must be RSA with 1024 bits or more, or Ed25519."), code="dkim_key")


def _fields(head: bytes) -> dict[str, bytes]:
    """Lower-case name → the header as it is signed."""
    lines = _FOLD.sub(b"", head).split(b"\r\n")
    return {line.partition(b":")[0].decode().strip().lower(): _relaxed(line) for line in lines if line}


def _relaxed(line: bytes) -> bytes:
    name, _colon, value = _FOLD.sub(b"", line).partition(b":")
    return name.strip().lower() + b":" + _BLANKS.sub(b" ", value).strip(b" \t") + b"\r\n"
