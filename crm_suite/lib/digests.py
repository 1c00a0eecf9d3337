"""Keyed digests of addresses: a suppression outlives the erasure of the person it protects.

`sha256(key || ':' || text)` rather than HMAC, because PostgreSQL can compute it without an extension, so that
an audience of a million is checked in one statement. The key is fixed-length and secret, so neither guessing
phone numbers nor length extension helps an attacker who reads the table.
"""

import hashlib

from django.conf import settings
from django.db.models import CharField, Expression, F, Func, Value


def _key() -> str:
    return hashlib.sha256(f"address-digest:{settings.SECRET_KEY}".encode()).hexdigest()


def address_digest(address: str) -> str:
    """64 hex digits for a normalised address (E.164 phone or lower-case e-mail)."""
    return hashlib.sha256(f"{_key()}:{address}".encode()).hexdigest()


#: The digest of a text expression in SQL of our own; give `digest_key()` as the parameter `digest_key`.
DIGEST_SQL = "encode(sha256(convert_to(%(digest_key)s || ':' || {text}, 'UTF8')), 'hex')"


def digest_key() -> str:
    """The secret in front of what is digested, for DIGEST_SQL."""
    return _key()


class AddressDigest(Func):
    """The same digest inside PostgreSQL: `AddressDigest("email")`."""

    template = "encode(sha256(convert_to(%(expressions)s, 'UTF8')), 'hex')"
    arg_joiner = " || ':' || "
    output_field = CharField()

    def __init__(self, address: str | Expression) -> None:
        super().__init__(Value(_key()), F(address) if isinstance(address, str) else address)
