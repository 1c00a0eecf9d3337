"""What each source cost per new customer: recorded spend beside what its price models promise. Pure, one currency."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from segmentation.acquisition.prices import COMMISSION, PriceModel


@dataclass(frozen=True)
class Days:
    """Whole days from `first` to `last`, both included."""

    first: date
    last: date

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def within(self, other: "Days") -> "Days | None":
        """The days that lie in both; None where there is none."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        return Days(first, last) if first <= last else None


@dataclass(frozen=True)
class Spend:
    """One entry: what was agreed for a source in some days."""

    source: str
    days: Days
    model: PriceModel


@dataclass(frozen=True)
class Arrivals:
    """New customers of one source on one day; `net`: net amount of the first orders of them all."""

    source: str
    day: date
    n: int
    net: Decimal


@dataclass(frozen=True)
class SourceCost:
    """One source in a period.

    `n`: customers whose first paid order of the book fell into the period. `net`: what these first orders came to,
    paid − refunded. `spent`: recorded spend, by days where an entry reaches beyond the period; None where nothing is
    recorded. `unknown`: entries whose bill hangs on figures that nobody entered; they are not in `spent`.
    `promised_low`, `promised_high`: cost per new customer by the price models of the entries.
    """

    source: str
    n: int = 0
    net: Decimal = Decimal(0)
    spent: Decimal | None = None
    unknown: int = 0
    promised_low: Decimal | None = None
    promised_high: Decimal | None = None

    @property
    def per_customer(self) -> Decimal | None:
        """Recorded spend ÷ new customers; None without either."""
        return self.spent / self.n if self.spent is not None and self.n else None

    @property
    def first_order(self) -> Decimal | None:
        """Net amount of a first order on average."""
        return self.net / self.n if self.n else None

    @property
    def cost(self) -> Decimal | None:
        """What pay-back is measured against: the recorded cost, else the dearest price model's."""
        return self.promised_high if self.per_customer is None else self.per_customer


def source_costs(arrivals: Sequence[Arrivals], spends: Sequence[Spend], period: Days) -> list[SourceCost]:
    """Each source that brought somebody or cost something in the period: most new customers first."""
    found = _by_source(arrivals, period)
    bills: dict[str, list[Spend]] = {}
    for spend in spends:
        if spend.days.within(period):
            bills.setdefault(spend.source, []).append(spend)
    by_source = _grouped(arrivals)
    rows = [
        _with_spend(found.get(source, SourceCost(source)), bills.get(source, []), by_source.get(source, []), period)
        for source in {**found, **bills}
    ]
    return sorted(rows, key=lambda row: (-row.n, -(row.spent or 0), row.source))


def total_cost(rows: Iterable[SourceCost]) -> SourceCost:
    """Sources with recorded spend together: all their spend, all their new customers."""
    paid = [row for row in rows if row.spent is not None]
    spent = sum((row.spent or Decimal(0) for row in paid), Decimal(0))
    net = sum((row.net for row in paid), Decimal(0))
    return SourceCost("", sum(row.n for row in paid), net, spent if paid else None, sum(row.unknown for row in paid))


def _by_source(arrivals: Sequence[Arrivals], period: Days) -> dict[str, SourceCost]:
    found: dict[str, SourceCost] = {}
    for one in _of(arrivals, period):
        known = found.get(one.source, SourceCost(one.source))
        found[one.source] = SourceCost(one.source, known.n + one.n, known.net + one.net)
    return found


def _grouped(arrivals: Sequence[Arrivals]) -> Mapping[str, Sequence[Arrivals]]:
    found: dict[str, list[Arrivals]] = {}
    for one in arrivals:
        found.setdefault(one.source, []).append(one)
    return found


def _of(arrivals: Sequence[Arrivals], days: Days) -> list[Arrivals]:
    return [one for one in arrivals if days.first <= one.day <= days.last]


def _with_spend(row: SourceCost, spends: Sequence[Spend], arrivals: Sequence[Arrivals], period: Days) -> SourceCost:
    bills = [_bill(spend, arrivals, period) for spend in spends]
    known = [bill for bill in bills if bill is not None]
    promised = [cost for spend in spends if (cost := spend.model.per_customer(row.first_order)) is not None]
    return SourceCost(
        row.source, row.n, row.net, sum(known, Decimal(0)) if known else None, len(bills) - len(known),
        min(promised, default=None), max(promised, default=None),
    )  # fmt: skip


def _bill(spend: Spend, arrivals: Sequence[Arrivals], period: Days) -> Decimal | None:
    """What falls to the period: of a bill by days, of a commission by the first orders of the new customers."""
    shared = spend.days.within(period)
    if shared is None:
        return Decimal(0)
    if spend.model.kind == COMMISSION:
        orders = sum((one.net for one in _of(arrivals, shared)), Decimal(0))
        return None if spend.model.rate is None else orders * spend.model.rate
    whole = spend.model.spent()
    return None if whole is None else whole * len(shared) / len(spend.days)
