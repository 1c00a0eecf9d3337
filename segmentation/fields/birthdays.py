"""Birthdays: the month, and how many days until the next one."""

from datetime import date, timedelta

from django.db.models import Q
from django.utils.dates import MONTHS
from django.utils.translation import gettext_lazy

from customers.models import CustomerFacts
from segmentation.checks import Clock
from segmentation.fields.kinds import Field, Text

_MONTHS: dict[str, Text] = {str(number): name for number, name in MONTHS.items()}
_YEAR = 365


def _birthday_month(op: str, value: object, clock: Clock) -> Q:
    months = [int(str(month)) for month in value] if isinstance(value, list) else []
    found = Q(customer__birthday__month__in=months)
    return ~found if op == "not_in" else found


def _birthday_now(op: str, value: object, clock: Clock) -> Q:
    found = Q(customer__birthday__month=clock.day.month)
    return found if value else ~found


def _birthday_month_of(facts: CustomerFacts, clock: Clock) -> object:
    return _MONTHS[str(facts.customer.birthday.month)] if facts.customer.birthday else None


def _days_to_birthday(op: str, value: object, clock: Clock) -> Q:
    low, high = _span(op, value)
    if low > min(high, _YEAR):
        return Q(pk__isnull=True)
    return _between(clock.day + timedelta(days=low), clock.day + timedelta(days=min(high, _YEAR)))


def _span(op: str, value: object) -> tuple[int, int]:
    if isinstance(value, tuple):
        return value[0], value[1]
    assert isinstance(value, int)
    spans = {"gte": (value, _YEAR), "gt": (value + 1, _YEAR), "lte": (0, value), "lt": (0, value - 1)}
    return spans.get(op, (value, value))


def _between(first: date, last: date) -> Q:
    """Birthdays from one day to another at most a year later. 29 February is kept on the 28th where there is none."""
    upto = 29 if (last.month, last.day) == (2, 28) and not _is_leap(last.year) else last.day
    month, day = "customer__birthday__month", "customer__birthday__day"
    if (first.year, first.month) == (last.year, last.month):
        return Q((month, first.month), (f"{day}__gte", first.day), (f"{day}__lte", upto))
    whole = (last.year - first.year) * 12 + last.month - first.month - 1
    between = [(first.month + step) % 12 + 1 for step in range(whole)]
    ends = Q((month, first.month), (f"{day}__gte", first.day)) | Q((month, last.month), (f"{day}__lte", upto))
    return ends | Q((f"{month}__in", between)) if between else ends


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_to_birthday(birthday: date, today: date) -> int:
    """Days from `today` to the next birthday, 0 on the day itself."""
    for year in (today.year, today.year + 1, today.year + 2):
        is_missing = (birthday.month, birthday.day) == (2, 29) and not _is_leap(year)
        kept = date(year, 2, 28) if is_missing else birthday.replace(year=year)
        if kept >= today:
            return (kept - today).days
    raise AssertionError("a birthday comes every year")


def _days_to_birthday_of(facts: CustomerFacts, clock: Clock) -> int | None:
    return days_to_birthday(facts.customer.birthday, clock.day) if facts.customer.birthday else None


BIRTHDAYS = (
    Field(
        "birthday_now", gettext_lazy("Birthday this month"), "flag", _birthday_now,
        lambda facts, clock: facts.customer.birthday and facts.customer.birthday.month == clock.day.month,
        info=gettext_lazy("In the month of the analysis in force."), is_dated=True,
    ),
    Field(
        "birthday_month", gettext_lazy("Month of birth"), "choice", _birthday_month, _birthday_month_of, _MONTHS,
    ),
    Field(
        "days_to_birthday", gettext_lazy("Days until the birthday"), "days", _days_to_birthday, _days_to_birthday_of,
        info=gettext_lazy("0 on the day itself, counted from the day of the analysis in force."), is_dated=True,
    ),
)  # fmt: skip
