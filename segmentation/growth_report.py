"""Questions about growth: the months that were counted, as first told and as known now, and their rates.

Customers are people with a paid order in the book; months are those of the shops' local days. Amounts play no part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from crm_suite.lib.intervals import wilson
from segmentation.growth import BOUGHT, ROWS
from segmentation.growth_store import ALL, MONTHS, last_day
from segmentation.models import GrowthMonth

#: Below so many customers at the start a rate says little; it is shown with its interval and a word.
FEW = 30
SPANS = (3, 6, 12)
#: What the page compares with the first telling, in the order of its columns.
TOLD = ("new", "retained", "woken", "won_back", "lost", "end")


@dataclass(frozen=True)
class Change:
    """A figure of a finished month that is known otherwise now than when it was first told."""

    column: str
    first: int
    now: int

    @property
    def difference(self) -> int:
        return self.now - self.first


@dataclass(frozen=True)
class Month:
    """One month. `figures` by growth.COLUMNS; `first` as told when the month had ended (None while it has not)."""

    month: date
    figures: dict[str, int]
    first: dict[str, int] | None
    is_finished: bool
    told_at: datetime | None
    restated_at: datetime | None

    @property
    def bought(self) -> int:
        return sum(self.figures[name] for name in BOUGHT)

    @property
    def reactivated(self) -> int:
        """Bought after they had been dormant or lost."""
        return self.figures["woken"] + self.figures["won_back"]

    @property
    def customers(self) -> int:
        """Everybody who had ever bought by the end: the sum of the rows."""
        return sum(self.figures[name] for name in ROWS)

    @property
    def new_rate(self) -> float | None:
        """New ÷ customers at the start who were not lost; None where there were none."""
        return _ratio(self.figures["new"], self.figures["start"])

    @property
    def lost_rate(self) -> float | None:
        return _ratio(self.figures["lost"], self.figures["start"])

    @property
    def growth(self) -> float | None:
        """New rate − churn rate."""
        return None if self.new_rate is None or self.lost_rate is None else self.new_rate - self.lost_rate

    @property
    def lost_interval(self) -> tuple[float, float] | None:
        """Where the churn rate lies with 95 % confidence, were the month a sample of such months (Wilson)."""
        start = self.figures["start"]
        return wilson(min(self.figures["lost"], start), start)

    @property
    def quick_ratio(self) -> float | None:
        """(New + won back) ÷ lost: above 1 the store has more customers at the end than at the start."""
        return _ratio(self.figures["new"] + self.figures["won_back"], self.figures["lost"])

    @property
    def is_few(self) -> bool:
        return self.figures["start"] < FEW

    @property
    def changes(self) -> list[Change]:
        first = self.first or self.figures
        pairs = ((name, first[name], self.figures[name]) for name in TOLD)
        return [Change(*pair) for pair in pairs if pair[1] != pair[2]] if self.is_finished else []

    @property
    def has_other_bounds(self) -> bool:
        """Whether the first telling used other bounds, so that not only late orders explain the difference."""
        return self.first is not None and any(self.first[bound] != self.figures[bound] for bound in ("p60", "p90"))


@dataclass(frozen=True)
class Span:
    """Growth per month of the customers who are not lost, over the last `months` finished months; None: cannot tell."""

    months: int
    rate: float | None
    start: int


@dataclass(frozen=True)
class Report:
    """`months` oldest first, from the first with a customer; `platforms` that were counted apart."""

    platform: str
    platforms: list[str]
    as_of: date
    months: list[Month]

    @property
    def last(self) -> Month:
        """The newest month: its rows are all customers."""
        return self.months[-1]

    @property
    def headline(self) -> Month | None:
        """The newest month that has ended; None before there is one."""
        return next((month for month in reversed(self.months) if month.is_finished), None)

    @property
    def spans(self) -> list[Span]:
        finished = [month for month in self.months if month.is_finished]
        return [_span(finished, months) for months in SPANS]

    @property
    def restated(self) -> list[Month]:
        return [month for month in reversed(self.months) if month.changes]


def report(book: str, *, platform: str = ALL) -> Report | None:
    """What was counted last, of the whole book or one of its platforms; None before that, or without a customer."""
    rows = list(GrowthMonth.objects.filter(book=book, platform=platform).order_by("-month")[: 2 * MONTHS])
    if not rows:
        return None
    as_of = _counted_to(rows)
    months = [_month(row) for row in reversed(rows) if row.month <= as_of]
    bought = [number for number, month in enumerate(months) if month.customers]
    if not bought:
        return None
    others = GrowthMonth.objects.filter(book=book).exclude(platform=ALL).order_by("platform")
    platforms = list(others.values_list("platform", flat=True).distinct())
    return Report(platform, platforms, as_of, months[bought[0] :][-MONTHS:])


def _counted_to(rows: Sequence[GrowthMonth]) -> date:
    """The day of the count that is in force: an earlier one may have gone further, on data that were told to rest."""
    newest = max(rows, key=lambda row: row.run_id or 0)
    return newest.as_of


def _month(row: GrowthMonth) -> Month:
    is_finished = row.as_of >= last_day(row.month)
    return Month(row.month, row.figures, row.first, is_finished, row.told_at, row.restated_at)


def _span(finished: Sequence[Month], months: int) -> Span:
    if len(finished) < months:
        return Span(months, None, 0)
    start, end = finished[-months].figures["start"], finished[-1].figures["end"]
    return Span(months, (end / start) ** (1 / months) - 1 if start else None, start)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
