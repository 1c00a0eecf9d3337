"""How often: “at least twice” over rows of any table, as a condition on customers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import IsNull
from django.utils.translation import gettext as _, ngettext

from segmentation.checks import MAX_WHOLE, BadRule, keys_among, whole
from segmentation.conditions.sets import Among

#: Not an empty Q: Django takes the negation of that for everybody too.
EVERYBODY = Q(pk__isnull=False)

OPERATORS = ("gte", "lte", "eq", "between")
#: The rows that are asked for, of all customers.
Rows = QuerySet[Any]


@dataclass(frozen=True)
class Times:
    """At least `low`, at most `high` times; None is without end."""

    low: int = 1
    high: int | None = None

    @property
    def words(self) -> str:
        if self.high is None:
            return ngettext("at least %(n)s time", "at least %(n)s times", self.low) % {"n": self.low}
        if self.low == self.high:
            return ngettext("exactly %(n)s time", "exactly %(n)s times", self.low) % {"n": self.low}
        if not self.low:
            return ngettext("at most %(n)s time", "at most %(n)s times", self.high) % {"n": self.high}
        return _("%(low)s to %(high)s times") % {"low": self.low, "high": self.high}


ONCE = Times()


def times(given: object, path: str) -> Times:
    """`{"op": "gte", "value": 2}`; nothing given means at least once."""
    if given is None:
        return ONCE
    asked = keys_among(given, {"op", "value"}, path)
    op, value = asked.get("op"), asked.get("value")
    if op not in OPERATORS:
        known = ", ".join(OPERATORS)
        raise BadRule(_("a count is compared by %(operators)s.") % {"operators": known}, path=f"{path}/op")
    if op == "between":
        return _between(value, f"{path}/value")
    n = whole(value, 0, MAX_WHOLE, f"{path}/value")
    return {"gte": Times(n), "lte": Times(0, n), "eq": Times(n, n)}[str(op)]


def _between(value: object, path: str) -> Times:
    if not isinstance(value, list) or len(value) != 2:
        raise BadRule(_("two values are needed."), path=path)
    low, high = (whole(one, 0, MAX_WHOLE, f"{path}/{place}") for place, one in enumerate(value))
    if low > high:
        raise BadRule(_("the first value must not be larger than the second."), path=path)
    return Times(low, high)


def happened(rows: Callable[[], Rows], asked: Times, *, is_rare: bool = False) -> Q:
    """Customers of whom there are so many rows. `rows` is of a model with a `customer`, which they all have.

    `is_rare`: so few rows fit that it is better to find all of them than to look for them customer by customer.
    """
    found = _at_least(rows, asked.low, is_rare=is_rare)
    return found if asked.high is None else found & ~_at_least(rows, asked.high + 1, is_rare=is_rare)


def _at_least(rows: Callable[[], Rows], n: int, *, is_rare: bool) -> Q:
    """EXISTS throughout: NOT IN would be asked row by row as soon as its answer passes the memory of a sort."""
    if n == 0:
        return EVERYBODY
    if n == 1 and not is_rare:
        return Q(Exists(rows().filter(customer=OuterRef("pk"))))
    whose = rows().order_by().values("customer")
    if n == 1:
        return Q(Among(whose.distinct(), is_long=is_rare))
    return Q(Among(whose.annotate(times=Count("*")).filter(times__gte=n).values("customer"), is_long=is_rare))


def happened_to_each(rows: Callable[[], Rows], asked: Times) -> Q:
    """The same as `happened`, by looking at the rows of one customer after the other."""
    found = _nth(rows, asked.low)
    return found if asked.high is None else found & ~_nth(rows, asked.high + 1)


def _nth(rows: Callable[[], Rows], n: int) -> Q:
    """Not EXISTS: the planner would find the rows of all customers instead, for however few it is asked."""
    if not n:
        return EVERYBODY
    nth = rows().filter(customer=OuterRef("pk")).order_by().values("pk")[n - 1 : n]
    return Q(IsNull(Subquery(nth), False))


def any_of(model: type[Model], *more: Q, **conditions: object) -> Q:
    """Customers of whom there is such a row."""
    return Q(Exists(model._base_manager.filter(*more, customer=OuterRef("pk"), **conditions)))
