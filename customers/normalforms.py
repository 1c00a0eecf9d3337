"""One spelling per phone number and e-mail address, so that the same person is found again.

All three functions are idempotent: the normal form of a normal form is itself. None means "cannot be used", never
"empty": a masked, garbled or ambiguous text is not guessed at. The original text is kept by whoever stores it.
"""

import re
import unicodedata

import phonenumbers

#: Anything else in a number (letters, commas, stars) makes it garbled, masked, or two numbers in one cell.
_PHONE_CHARACTERS = re.compile(r"\+?[\d\s().·-]+")
_CHINESE_MOBILE = re.compile(r"(?:\+?86|0086|0)?(1[3-9]\d{9})")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])")

#: A platform hid part of the key (t**8, 1******6198, ##密文): many people share what is left of it. Python and polars.
HIDDEN = r"[*＊]|^##"

#: Numbers that take an SMS, as a pattern that Python and PostgreSQL read alike: Chinese mobiles, and abroad any.
SMS_ABLE = r"^\+(861[3-9][0-9]{9}|(?!86)[1-9][0-9]{5,13})$"


def _plain(text: str) -> str:
    """NFKC without invisible characters: full-width digits, byte order marks, no-break spaces."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(char for char in folded if unicodedata.category(char) not in {"Cf", "Cc"}).strip()


def normal_phone(text: str, region: str = "CN") -> str | None:
    """E.164 (+8613800138000) of a number as people write it; `region` is where one without country code belongs.

    None for what is not one whole valid number: masked (138****1234), rounded by a spreadsheet (1.38E+10), with an
    extension, two numbers in one cell.
    """
    plain = _plain(text).lstrip("'").removeprefix("tel:").strip()
    plain = re.sub(r"^(\d{7,15})\.0$", r"\1", plain)  # a spreadsheet took it for a fraction
    if not _PHONE_CHARACTERS.fullmatch(plain):
        return None
    digits = re.sub(r"[^\d+]", "", plain)
    if region == "CN" and (match := _CHINESE_MOBILE.fullmatch(digits)):
        return f"+86{match[1]}"
    return _international(digits, region)


def _international(digits: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) and not _CHINESE_MOBILE.fullmatch(digits):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def written_email(text: str) -> str | None:
    """The address as one writes to it: ASCII, domain in lower case (IDNA), local part as given. None if unusable."""
    plain = _plain(text).removeprefix("mailto:")
    local, at, domain = plain.partition("@")
    host = _ascii_domain(domain)
    if not at or host is None or len(local) > 64 or not _LOCAL_PART.fullmatch(local):
        return None
    return f"{local}@{host}" if len(local) + len(host) < 254 else None


def normal_email(text: str) -> str | None:
    """The address as it is compared: `written_email` in lower case. No guessing about dots or plus signs.

    Masked addresses (z***@qq.com) and texts with two @ are None.
    """
    written = written_email(text)
    return written.lower() if written else None


def _ascii_domain(domain: str) -> str | None:
    """`例子.公司` → `xn--fsqu00a.xn--55qx5d`; None if it cannot be a public host name."""
    if len(domain) > 253:
        return None
    try:
        host = domain.lower().removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    return host if _DOMAIN.fullmatch(host) else None


#: What stands in the columns of loyalty numbers and WeChat IDs; a nick or a remark there is no key.
_CARD = re.compile(r"[0-9A-Z][0-9A-Z._/-]{0,58}")
_WECHAT = re.compile(r"(?:(open|work):)?([A-Za-z0-9_-]{5,64})", re.IGNORECASE)
_ROUNDED = re.compile(r"\d+(\.\d+)?E\+?\d+", re.IGNORECASE)


def normal_loyalty(text: str) -> str | None:
    """A loyalty number in capitals without blanks. None for what is masked, rounded by a spreadsheet or all zeros."""
    plain = "".join(_plain(text).upper().split()).removeprefix("'")
    if _ROUNDED.fullmatch(plain) or not plain.strip("0.-/_") or not _CARD.fullmatch(plain):
        return None
    return plain


def normal_wechat(text: str) -> str | None:
    """A WeChat ID as it is compared: a union ID as given, an open ID as `open:…`, a WeCom ID as `work:…`.

    None for what cannot be one: masked, with blanks or Chinese characters (that is a nick), shorter than five.
    """
    found = _WECHAT.fullmatch(_plain(text).removeprefix("union:"))
    if found is None:
        return None
    kind, value = found.groups()
    return f"{kind.lower()}:{value}" if kind else value


# --- marks that propose, and never join -------------------------------------------------------------------------------

_MASKED_MOBILE = re.compile(r"(?:\+?86[- ]?)?(1\d{2})[\d*＊]*[*＊][\d*＊]*(\d{2})")


def masked_phone_mark(masked: str, name: str) -> str:
    """What a masked mobile and a whole name have in common with other rows of the person: `138|34|张三`.

    Three digits in front and two behind, because platforms mask differently (138****1234, 138******34). "" where the
    name is missing or masked too, or too little of the number is shown.
    """
    found = _MASKED_MOBILE.fullmatch(_plain(masked))
    name = _plain(name)
    if found is None or not name or "*" in name or "＊" in name:
        return ""
    return f"{found[1]}|{found[2]}|{name}"[:254]


_NO_WORD = re.compile(r"[\W_]+")


def address_text(name: str, address: str) -> str:
    """Name and address without blanks and punctuation, to be digested; "" where either is missing or masked."""
    if not name or not address or "*" in f"{name}{address}":
        return ""
    place = _NO_WORD.sub("", _plain(address)).lower()
    return f"{_plain(name).lower()}|{place}" if len(place) >= 6 else ""
