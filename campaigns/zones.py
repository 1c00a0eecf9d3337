"""The clock on a customer's wall, as far as their country tells it. No tables, no clock of our own."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import get_global

#: Countries whose law knows one time although the zone database lists more.
_OFFICIAL = {"CN": "Asia/Shanghai"}
#: What people write that CLDR does not.
_ALSO = {
    "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "holland": "NL",
    "korea": "KR", "republic of korea": "KR", "turkey": "TR", "czech republic": "CZ", "viet nam": "VN",
    "hong kong": "HK", "macau": "MO", "macao": "MO", "prc": "CN", "中国大陆": "CN", "中华人民共和国": "CN",
    "香港": "HK", "中国香港": "HK", "澳门": "MO", "中国澳门": "MO", "中国台湾": "TW",
}  # fmt: skip
#: One moment a week for two years: zones that agree on all of them tell the same time.
_SAMPLES = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(weeks=week) for week in range(105)]


@lru_cache(maxsize=1024)
def zone_of(country: str) -> str | None:
    """The IANA zone of a country, given by name (English or Chinese) or ISO code.

    None where the text names no country, or one whose clocks do not all show the same time.
    """
    code = _codes().get(country.strip().casefold())
    if code is None:
        return None
    if code in _OFFICIAL:
        return _OFFICIAL[code]
    zones = get_global("territory_zones").get(code, [])
    return zones[0] if len({_clock(zone) for zone in zones}) == 1 else None


def _clock(zone: str) -> tuple[timedelta | None, ...]:
    info = ZoneInfo(zone)
    return tuple(moment.astimezone(info).utcoffset() for moment in _SAMPLES)


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    """Folded name or code → ISO 3166 code of two letters."""
    countries = {code for code in get_global("territory_zones") if len(code) == 2 and code.isalpha()}
    found = {code.casefold(): code for code in countries}
    for old, new in get_global("territory_aliases").items():
        if len(old) == 3 and old.isalpha() and len(new) == 1 and new[0] in countries:
            found[old.casefold()] = new[0]
    for language in ("en", "zh_Hans", "zh_Hant"):
        names = Locale.parse(language).territories
        found |= {name.casefold(): code for code, name in names.items() if code in countries}
    return found | _ALSO
