"""What an SMS costs to say: its parts, and the characters that make it longer. Pure.

A text of nothing but the GSM 03.38 alphabet has 160 characters in one part, every other one 70, and 67 in each of
several. The signature's brackets 【】 are outside it, so every text of ours counts 70 and 67.
"""

from dataclasses import dataclass

from campaigns.texts.rendering import SMS_PART, SMS_SINGLE, sms_parts

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "^{}\\[~]|€\f"
_GSM = frozenset(_BASIC + _EXTENSION)


@dataclass(frozen=True)
class SmsSize:
    """A text as it is billed. `left`: characters until another part begins. `outside`: what the GSM alphabet lacks."""

    length: int
    parts: int
    left: int
    outside: tuple[str, ...]


def size_of(text: str) -> SmsSize:
    """The text exactly as it is sent, signature and opt-out included. Emoji count as two characters."""
    length = len(text.encode("utf-16-le")) // 2
    parts = sms_parts(text)
    room = SMS_SINGLE if parts == 1 else parts * SMS_PART
    return SmsSize(length, parts, room - length, outside_gsm(text))


def outside_gsm(text: str) -> tuple[str, ...]:
    """Each character that the GSM alphabet lacks, once, in the order of the text."""
    return tuple(dict.fromkeys(character for character in text if character not in _GSM))
