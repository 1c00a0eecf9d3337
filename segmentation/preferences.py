"""What one customer likes, from the lines of their paid orders. No tables here: rows in, shares with their n out."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from math import ceil
from statistics import multimode
from typing import Generic, TypeVar

Code = TypeVar("Code", bound=Hashable)

#: With fewer lines, or orders, nobody can tell what somebody likes.
LEAST = 3
#: From the cheapest fifth of the book's prices to the dearest.
BANDS = ("lowest", "low", "middle", "high", "highest")
#: Parts of the day by their first hour.
DAYPARTS = {0: "night", 6: "morning", 12: "afternoon", 18: "evening"}


@dataclass(frozen=True)
class Line:
    """`price`: paid per piece, in the shop's currency. `category` is empty where nobody said it."""

    product: str
    category: str
    pieces: int
    price: Decimal


@dataclass(frozen=True)
class Basket:
    """One paid order, at the shop's local moment. `discounted`: less was paid than its list prices come to."""

    moment: datetime
    discounted: bool | None
    lines: tuple[Line, ...]

    @property
    def pieces(self) -> int:
        return sum(line.pieces for line in self.lines)


@dataclass(frozen=True)
class Part(Generic[Code]):
    """`n` of them, `share` of all that could be told, 0–1."""

    code: Code
    n: int
    share: float


@dataclass(frozen=True)
class Parts(Generic[Code]):
    """Shares of `n`, greatest first or in an order of their own; `rows` is empty where n is too small to tell."""

    n: int
    rows: tuple[Part[Code], ...]

    @property
    def favourite(self) -> Code | None:
        """The most frequent one; None where several are equally frequent, or nobody can tell."""
        found = multimode([row.code for row in self.rows for _each in range(row.n)])
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Preferences:
    """`pieces`: median per order with known products; None, as the share of full price, below three orders.

    `full_price`: share of the orders that were paid without a discount, of `priced` where that can be seen.
    """

    orders: int
    lines: int
    categories: Parts[str]
    bands: Parts[str]
    weekdays: Parts[int]
    dayparts: Parts[str]
    baskets: int
    pieces: int | None
    priced: int
    full_price: float | None


def preferences(baskets: Sequence[Basket], *, cuts: Sequence[Decimal] | None) -> Preferences:
    """`cuts`: the four prices that part the book's lines into fifths; None where there are too few to part."""
    lines = [line for basket in baskets for line in basket.lines]
    known = [basket.moment for basket in baskets if basket.moment.time() != time()]
    filled = sorted(basket.pieces for basket in baskets if basket.lines)
    priced = [basket.discounted for basket in baskets if basket.discounted is not None]
    return Preferences(
        orders=len(baskets),
        lines=len(lines),
        categories=_by_size(line.category for line in lines if line.category),
        bands=_in_order((band(line.price, cuts) for line in lines if line.price > 0) if cuts else (), BANDS),
        weekdays=_in_order((basket.moment.weekday() for basket in baskets), range(7)),
        dayparts=_in_order((daypart(moment) for moment in known), tuple(DAYPARTS.values())),
        baskets=len(filled),
        pieces=filled[ceil(len(filled) / 2) - 1] if len(filled) >= LEAST else None,
        priced=len(priced),
        full_price=priced.count(False) / len(priced) if len(priced) >= LEAST else None,
    )


def band(price: Decimal, cuts: Sequence[Decimal]) -> str:
    """The fifth that a price lies in; a price on a cut belongs below it."""
    return BANDS[sum(cut < price for cut in cuts)]


def daypart(moment: datetime) -> str:
    return DAYPARTS[moment.hour // 6 * 6]


def _by_size(codes: Iterable[Code]) -> Parts[Code]:
    counts = Counter(codes)
    return _parts(counts, [code for code, _n in counts.most_common()])


def _in_order(codes: Iterable[Code], order: Iterable[Code]) -> Parts[Code]:
    counts = Counter(codes)
    return _parts(counts, list(order))


def _parts(counts: Mapping[Code, int], order: Sequence[Code]) -> Parts[Code]:
    n = sum(counts.values())
    if n < LEAST:
        return Parts(n, ())
    return Parts(n, tuple(Part(code, counts.get(code, 0), counts.get(code, 0) / n) for code in order))
