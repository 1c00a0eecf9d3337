"""What only a provider and we know: encrypted in the database, never shown again.

The keys come from SECRET_KEY: whoever has the database without the environment has nothing. Where SECRET_KEY has to
change, the old one in SECRET_KEY_FALLBACKS still opens what it sealed.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext as _

from crm_suite.lib.errors import DomainError


class Unreadable(DomainError):
    """The secrets were sealed under another SECRET_KEY. They have to be entered anew."""

    status = 409


def seal(values: dict[str, str]) -> bytes:
    """The values as one token for the database; empty where there are none."""
    return _box().encrypt(json.dumps(values).encode()) if values else b""


def unseal(token: bytes | memoryview) -> dict[str, str]:
    """What `seal` was given. Raises Unreadable."""
    if not bytes(token):
        return {}
    try:
        values: dict[str, str] = json.loads(_box().decrypt(bytes(token)))
    except InvalidToken as error:
        raise Unreadable(
            _("The secrets cannot be read: SECRET_KEY has changed. Enter them again."), code="secrets_unreadable"
        ) from error
    return values


def hook_secret(code: str) -> str:
    """The part of a provider's hook address that only the provider and we know."""
    return hmac.new(settings.SECRET_KEY.encode(), f"{code}-hook".encode(), hashlib.sha256).hexdigest()[:32]


def _box() -> MultiFernet:
    return MultiFernet([Fernet(_key(given)) for given in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]])


@lru_cache(maxsize=8)
def _key(secret_key: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"crm-suite provider secrets v1")
    return urlsafe_b64encode(derived.derive(secret_key.encode()))
