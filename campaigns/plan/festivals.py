"""What the calendar lies under: shopping festivals with their phases, public holidays, moved workdays.

Festivals come from festivals.yaml; public holidays and the workdays that Chinese weekends are swapped for (调休)
from the `holidays` package, which knows only the years that governments have announced.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import TypedDict

import holidays
import yaml
from borax.calendars.lunardate import LunarDate
from django.utils.translation import get_language, gettext_lazy as _

#: Which public holidays and festivals a store's customers live by, told from its currency.
COUNTRY_OF_CURRENCY = {"CNY": "CN", "GBP": "GB", "USD": "US", "EUR": "EU"}

PHASES = {"warm_up": _("warm-up"), "burst": _("burst"), "return": _("return")}


class Festival(TypedDict):
    """One entry of festivals.yaml."""

    code: str
    name: dict[str, str]
    when: dict[str, int]
    countries: list[str]
    phases: dict[str, list[int]]


@dataclass(frozen=True)
class Band:
    """One phase of one festival: the days from `first` to `last`, both included."""

    code: str
    name: str
    phase: str
    first: date
    last: date
    day: date

    @property
    def phase_label(self) -> str:
        return str(PHASES[self.phase])


@dataclass(frozen=True)
class DayOff:
    """A public holiday, or a weekend day that is worked in exchange for one."""

    day: date
    name: str
    is_workday: bool


def bands(*, first: date, last: date, currency: str) -> list[Band]:
    """The festival phases that touch [first, last], the earliest first; none for a currency without a country."""
    country = COUNTRY_OF_CURRENCY.get(currency)
    found = [
        band
        for festival in _festivals()
        if country in festival["countries"]
        for year in (first.year - 1, first.year, last.year, last.year + 1)
        for band in _phases(festival, year)
        if band.first <= last and band.last >= first
    ]
    return sorted(set(found), key=lambda band: (band.first, band.code))


def days_off(*, first: date, last: date, currency: str) -> dict[date, DayOff]:
    """Public holidays and moved workdays of [first, last] by day. Empty for years not announced yet."""
    country = COUNTRY_OF_CURRENCY.get(currency)
    if country not in ("CN", "GB", "US"):
        return {}
    names, workdays = _public_holidays(country, first.year, last.year, (get_language() or "en").startswith("zh"))
    off = {day: DayOff(day, name, False) for day, name in names.items() if first <= day <= last}
    moved = {day: DayOff(day, str(_("workday")), True) for day in workdays if first <= day <= last}
    return off | moved


@cache
def _festivals() -> list[Festival]:
    entries: list[Festival] = yaml.safe_load(Path(__file__).with_name("festivals.yaml").read_text("utf-8"))
    return entries


def _phases(festival: Festival, year: int) -> Iterator[Band]:
    day = festival_day(festival["when"], year)
    language = "zh-hans" if (get_language() or "en").startswith("zh") else "en"
    for phase, (start, end) in festival["phases"].items():
        first, last = day + timedelta(days=start), day + timedelta(days=end)
        yield Band(festival["code"], festival["name"][language], phase, first, last, day)


def festival_day(when: dict[str, int], year: int) -> date:
    """The solar day of a rule in a year. A lunar year is named by the solar year in which it begins."""
    if "lunar_month" in when:
        lunar: date = LunarDate(year, when["lunar_month"], when["lunar_day"]).to_solar_date()
        return lunar
    if "day" in when:
        return date(year, when["month"], when["day"])
    return _nth_weekday(year, when["month"], when["weekday"], when["nth"]) + timedelta(days=when["plus"])


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first_weekday, _days = monthrange(year, month)
    return date(year, month, 1 + (weekday - first_weekday) % 7 + 7 * (nth - 1))


@cache
def _public_holidays(country: str, first: int, last: int, chinese: bool) -> tuple[dict[date, str], frozenset[date]]:
    language = "zh_CN" if chinese and country == "CN" else "en_US"
    known = holidays.country_holidays(country, years=range(first, last + 1), language=language)
    # Bridge days are called "day off (substituted from …)"; the calendar has room for the festival itself only.
    return dict(known.items()), frozenset(known.weekend_workdays)
