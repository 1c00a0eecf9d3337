"""Questions that page and API ask: cost per new customer by source, pay-back of one source, who never paid back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from customers.books import Book
from orders import sales
from segmentation.acquisition.costs import Days, SourceCost, source_costs, total_cost
from segmentation.acquisition.curves import FEWEST, Payback, Point, by_month, by_order, payback
from segmentation.acquisition.newcomers import (
    MARGIN,
    NET,
    Newcomers,
    Purses,
    has_costs,
    newcomers,
    purses,
    shop_labels,
)
from segmentation.acquisition.spend import entries_of, spends_in
from segmentation.acquisition.unpaid import Question, Unpaid, unpaid

#: Sources with a row of their own on screen and in the API; the others are added up.
MOST_SOURCES = 50

#: The margin is what pay-back is measured by where costs are known for so much of the net amount.
COVERED = 0.8


@dataclass(frozen=True)
class Row:
    """A source as it is called on screen and as an entry of spend writes it, and what it brought and cost."""

    label: str
    cost: SourceCost
    written: str

    @property
    def source(self) -> str:
        return self.cost.source


@dataclass(frozen=True)
class Overview:
    """`rows`: every source, most new customers first; `total`: sources with recorded spend together."""

    days: Days
    rows: list[Row]
    total: SourceCost
    newcomers: Newcomers

    @property
    def shown(self) -> list[Row]:
        return self.rows[:MOST_SOURCES]

    @property
    def rest(self) -> list[Row]:
        return self.rows[MOST_SOURCES:]

    @property
    def rest_n(self) -> int:
        return sum(row.cost.n for row in self.rest)

    @property
    def priced(self) -> list[Row]:
        return [row for row in self.rows if row.cost.cost is not None]

    def find(self, source: str) -> Row | None:
        """The row of this source; without one of that name that which has a cost and won most, else which won most."""
        named = next((row for row in self.rows if row.source == source), None)
        return named or next((row for row in self.priced if row.cost.n), next(iter(self.rows), None))


def last_day(book: Book) -> date | None:
    """The day at which pay-back is counted: today, or that of the newest order of data that rest. None without any."""
    anchor = sales.anchor(book)
    return anchor.day if anchor else None


def overview(book: Book, days: Days) -> Overview:
    found = newcomers(book, days)
    costs = source_costs(found.arrivals, spends_in(book.code, days), days)
    written = {**_written(book), **found.labels}
    labels = {**written, **shop_labels(book)}
    rows = [Row(labels.get(one.source, one.source), one, written.get(one.source, one.source)) for one in costs]
    return Overview(days, rows, total_cost(costs), found)


def _written(book: Book) -> dict[str, str]:
    """Sources as the entries of spend write them."""
    return {source.lower(): source for source in entries_of(book.code).order_by().values_list("source", flat=True)}


def known_sources(book: Book, days: Days) -> list[str]:
    """Sources that a form proposes, as they would be written."""
    found = newcomers(book, days)
    return sorted({*found.labels.values(), *_written(book).values(), *shop_labels(book)})[: MOST_SOURCES * 4]


@dataclass(frozen=True)
class Recovery:
    """What one source's new customers have brought up to `as_of`, against what one of them cost.

    `basis`: "margin" (net − cost of the goods, of products whose cost is known: `coverage` of the net amount) or "net".
    `order` and `month`: when the mean first passes the cost; None while it has not, and where `can_tell` is False.
    """

    row: Row
    as_of: date
    basis: str
    coverage: float | None
    n: int
    orders: list[Point]
    months: list[Point]
    order: Payback | None
    month: Payback | None

    @property
    def cost(self) -> Decimal | None:
        return self.row.cost.cost

    @property
    def can_tell(self) -> bool:
        """Whether there are a cost and enough customers."""
        return self.cost is not None and self.n >= FEWEST


def recovery(book: Book, row: Row, *, days: Days, as_of: date, wish: str = "") -> Recovery:
    """Pay-back of the new customers of `days`. `wish`: "margin" or "net"; else margin where costs cover enough."""
    basis, found = _purses(book, row, days, as_of, wish)
    orders, months = by_order(found.orders, found.n) if found.n else [], by_month(found.months, found.people)
    cost = row.cost.cost if found.n >= FEWEST else None
    paid = [payback(points, cost) if cost is not None else None for points in (orders, months)]
    coverage = found.coverage if basis == MARGIN else None
    return Recovery(row, as_of, basis, coverage, found.n, orders, months, *paid)


def _purses(book: Book, row: Row, days: Days, as_of: date, wish: str) -> tuple[str, Purses]:
    if wish != NET and has_costs(book):
        found = purses(book, days, source=row.source, as_of=as_of, basis=MARGIN)
        if wish == MARGIN or (found.coverage or 0) >= COVERED:
            return MARGIN, found
    return NET, purses(book, days, source=row.source, as_of=as_of, basis=NET)


def bases(book: Book) -> list[str]:
    """What pay-back can be measured by."""
    return [MARGIN, NET] if has_costs(book) else [NET]


def question(book: Book, found: Overview, *, as_of: date, after: int, basis: str, source: str = "") -> Question:
    """About one source, or about all whose cost is known."""
    costs: Mapping[str, Decimal] = {row.source: cost for row in found.priced if (cost := row.cost.cost) is not None}
    if source:
        costs = {name: cost for name, cost in costs.items() if name == source}
    return Question(book, found.days, as_of, after, basis, costs)


def never_paid_back(asked: Question) -> Unpaid | None:
    """None where no source of the question has a cost."""
    return unpaid(asked) if asked.costs else None


def export_rows(found: Overview, currency: str) -> Iterator[list[object]]:
    """Every source of the period."""
    for row in found.rows:
        cost = row.cost
        yield [
            row.label, cost.n, _rounded(cost.first_order), _rounded(cost.spent), _rounded(cost.per_customer),
            _rounded(cost.promised_low), _rounded(cost.promised_high), cost.unknown, currency, found.days.first,
            found.days.last,
        ]  # fmt: skip


def _rounded(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else round(amount, 2)
