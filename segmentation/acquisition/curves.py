"""When a source's customers have brought in what it cost to win them. Pure: sums in, curves out, in one currency."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt
from typing import Self

#: Of fewer customers nothing is said.
FEWEST = 30
Z95 = 1.96


@dataclass(frozen=True)
class Sums:
    """Of some customers: how many, the sum of their amounts and the sum of the squares of these amounts."""

    n: int
    total: Decimal
    squares: Decimal


@dataclass(frozen=True)
class Point:
    """What one acquired customer has brought in on average up to `at` (order number, or months), of `n` customers.

    `low` and `high`: 95 % interval of that mean (normal approximation); None of fewer than two customers.
    `reached`: customers who made that many orders, or who have been customers for so long.
    """

    at: int
    n: int
    reached: int
    mean: Decimal
    low: Decimal | None
    high: Decimal | None

    @classmethod
    def of(cls, at: int, sums: Sums, reached: int) -> Self:
        mean = sums.total / sums.n
        if sums.n < 2:
            return cls(at, sums.n, reached, mean, None, None)
        spread = max(sums.squares / sums.n - mean * mean, Decimal(0)) * sums.n / (sums.n - 1)
        half = Decimal(Z95 * sqrt(float(spread) / sums.n))
        return cls(at, sums.n, reached, mean, mean - half, mean + half)


@dataclass(frozen=True)
class Payback:
    """The first order number or month at which the mean passes the cost. `is_sure`: so does its interval's low end."""

    at: int
    is_sure: bool


def payback(points: Sequence[Point], cost: Decimal) -> Payback | None:
    """None where no point has reached the cost: not yet."""
    for point in points:
        if point.mean >= cost:
            return Payback(point.at, point.low is not None and point.low >= cost)
    return None


@dataclass(frozen=True)
class OrderSums:
    """All orders of one number (1 = first): how many customers made one, what these came to, and by how much they
    raised the squares of their customers' running totals."""

    number: int
    n: int
    total: Decimal
    squares: Decimal


def by_order(orders: Iterable[OrderSums], n: int) -> list[Point]:
    """Running amount per acquired customer by order number. Whoever made no further order counts with what they have
    brought: each point is of all `n`."""
    found: list[Point] = []
    total = squares = Decimal(0)
    for one in sorted(orders, key=lambda row: row.number):
        total, squares = total + one.total, squares + one.squares
        found.append(Point.of(one.number, Sums(n, total, squares), one.n))
    return found


@dataclass(frozen=True)
class MonthSums:
    """Customers who have been such for `observed` whole months: what they brought in month `month` (0 = the first)."""

    observed: int
    month: int
    total: Decimal
    squares: Decimal


def by_month(months: Iterable[MonthSums], people: dict[int, int], *, fewest: int = FEWEST) -> list[Point]:
    """Amount per customer in the first m months, of those who have been customers for at least m whole months.

    `people`: customers by whole months observed. Ends before the month that fewer than `fewest` have reached.
    """
    rows, found = list(months), []
    for at in range(1, max(people, default=0) + 1):
        n = sum(count for observed, count in people.items() if observed >= at)
        if n < fewest:
            break
        mine = [row for row in rows if row.observed >= at and row.month < at]
        total, squares = sum((row.total for row in mine), Decimal(0)), sum((row.squares for row in mine), Decimal(0))
        found.append(Point.of(at, Sums(n, total, squares), n))
    return found
