"""The addresses of the doors that customers come through: links, long and short, the unsubscribe page, the choices.

A long address holds a random token of one message and nothing else, a short one the message's number under a keyed
tail; where a link leads is looked up, never read from the request.
"""

import hashlib
import hmac
import uuid
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase, digits

from django.conf import settings
from django.urls import reverse

from campaigns.models import Medium, Message

#: The token in test messages: its doors say that this was a test.
NOBODY = uuid.UUID(int=0)
_ALPHABET = digits + ascii_uppercase + ascii_lowercase
_VALUES = {sign: value for value, sign in enumerate(_ALPHABET)}
#: Links that one message may have.
_POSITIONS = 100
#: A short code: so many signs of message and link at least, then so many that only we can work out.
_NUMBER, _TAIL = 6, 6
_LONGEST = 16


@lru_cache(maxsize=8)
def _before_token(name: str, *rest: int) -> tuple[str, str]:
    start, end = reverse(name, args=[NOBODY, *rest]).split(str(NOBODY))
    return start, end


def _address(name: str, token: uuid.UUID, *rest: int) -> str:
    start, end = _before_token(name, *rest)
    return f"{settings.SITE_URL}{start}{token}{end}"


def click_url(token: uuid.UUID, position: int) -> str:
    return _address("doors:click", token, position)


def unsubscribe_url(token: uuid.UUID) -> str:
    return _address("doors:unsubscribe", token)


def preferences_url(token: uuid.UUID) -> str:
    """Where its recipient chooses what to hear of."""
    return _address("doors:preferences", token)


def short_url(message_id: int, position: int) -> str:
    """A link of a message in fifteen characters behind the site's address, as SMS need it.

    All have one length up to 568 million messages; `message_id` 0 gives one for previews and tests, leading nowhere.
    """
    return f"{settings.SITE_URL}{reverse('doors:short', args=[short_code(message_id, position)])}"


def link_url(*, channel: str, token: uuid.UUID, message_id: int, position: int) -> str:
    """Short where characters are billed."""
    return short_url(message_id, position) if channel == Medium.SMS else click_url(token, position)


def short_code(message_id: int, position: int) -> str:
    """Raises ValueError for a position that no message has."""
    if not 0 < position < _POSITIONS:
        raise ValueError(position)
    number = message_id * _POSITIONS + position
    return _base62(number, _NUMBER) + _tail(number, settings.SECRET_KEY)


def read_short(code: str) -> tuple[int, int] | None:
    """Message and position behind a short code; None where we have not made it."""
    if not _NUMBER + _TAIL <= len(code) <= _LONGEST or not set(code) <= set(_ALPHABET):
        return None
    number = 0
    for sign in code[:-_TAIL]:
        number = number * len(_ALPHABET) + _VALUES[sign]
    if _base62(number, _NUMBER) != code[:-_TAIL]:
        return None  # the same number with zeros in front
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    known = any(hmac.compare_digest(code[-_TAIL:], _tail(number, key)) for key in keys)
    return divmod(number, _POSITIONS) if known else None


def _tail(number: int, key: str | bytes) -> str:
    secret = key.encode() if isinstance(key, str) else key
    made = hmac.new(secret, f"short-link:{number}".encode(), hashlib.sha256).digest()
    return _base62(int.from_bytes(made[:8], "big"), _TAIL)[-_TAIL:]


def _base62(number: int, width: int) -> str:
    signs = ""
    while number:
        number, value = divmod(number, len(_ALPHABET))
        signs = _ALPHABET[value] + signs
    return signs.rjust(width, _ALPHABET[0])


def message_of(token: uuid.UUID) -> Message | None:
    return Message.objects.select_related("campaign__shop", "customer").filter(token=token).first()


def message_numbered(pk: int) -> Message | None:
    return Message.objects.select_related("campaign__shop", "customer").filter(pk=pk).first()
