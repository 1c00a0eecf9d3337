"""Values in rules: each is checked for type, range and size before anything is compared with it."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.lib.days import day_bounds, today_in
from crm_suite.lib.errors import BadInput

MAX_VALUES = 100
MAX_TEXT = 100
MAX_WHOLE = 2_000_000_000
MAX_DAYS = 36_500
MAX_MONEY = Decimal("99999999999999")


class BadRule(BadInput):
    """The rule cannot be used. `path` names the node as a JSON pointer: `/all/1/value`."""

    def __init__(self, message: str, *, path: str = "") -> None:
        where = _("At %(path)s: %(problem)s") % {"path": path or "/", "problem": message}
        super().__init__(where, code="bad_rule", extra={"path": path or "/"})
        self.path = path or "/"


@dataclass(frozen=True)
class Clock:
    """What a rule's days are counted to: the local day of the book's run in force, in the book's zone."""

    day: date
    zone: str = "UTC"

    @classmethod
    def now(cls, zone: str = "UTC") -> "Clock":
        return cls(today_in(zone), zone)

    def back(self, days: int) -> date:
        """So many days before."""
        return date.fromordinal(max(self.day.toordinal() - days, 1))

    def start(self, day: date) -> datetime:
        """The first moment of a local day. Years that no moment can be told of are cut off."""
        return day_bounds(max(day, date(1900, 1, 1)), self.zone)[0]

    def moment(self) -> datetime:
        """Now: for what is counted in hours."""
        return timezone.now()


def listed(value: object, path: str) -> list[object]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_VALUES:
        raise BadRule(_("a list of 1 to %(count)s values is needed.") % {"count": MAX_VALUES}, path=path)
    return value


def flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise BadRule(_("true or false is needed."), path=path)
    return value


def number_of(value: object, path: str) -> str:
    """The number of a row, as text: it may have been deleted since the rule was made."""
    if not isinstance(value, str) or not value.isascii() or not value.isdecimal() or int(value[:20]) >= 2**63:
        raise BadRule(_("the number of one of the choices is needed, as text."), path=path)
    return value


def whole(value: object, low: int, high: int, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadRule(_("a whole number from %(low)s to %(high)s is needed.") % {"low": low, "high": high}, path=path)
    return value


def money(value: object, path: str) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise InvalidOperation
        amount = Decimal(str(value))
        if not amount.is_finite() or abs(amount) > MAX_MONEY:
            raise InvalidOperation
    except InvalidOperation:
        raise BadRule(_("an amount is needed."), path=path) from None
    return round(amount, 2)


def day(value: object, path: str) -> date:
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise BadRule(_("a date such as 2026-11-11 is needed."), path=path) from None


def text(value: object, path: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT or "\x00" in value:
        raise BadRule(_("a text of 1 to %(count)s characters is needed.") % {"count": MAX_TEXT}, path=path)
    return value.strip()


def keys_among(given: object, known: set[str], path: str) -> dict[str, object]:
    """An object that has no other keys than these."""
    if not isinstance(given, dict):
        raise BadRule(_("a part must be an object."), path=path)
    for key in given:
        if key not in known:
            raise BadRule(_("there is no “%(key)s” here.") % {"key": str(key)[:40]}, path=path)
    return given
