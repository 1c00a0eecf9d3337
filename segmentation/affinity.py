"""What is bought together, and what is bought next. Numbers only: products are places 0 … size − 1, −1 is any other.

Support, confidence and lift as in Agrawal, Imielinski & Swami (1993) and Brin et al. (1997). The interval of a
confidence is Wilson's (1927), 95 %.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import scipy
from numpy.typing import NDArray

from crm_suite.lib.intervals import wilson
from segmentation.waits import SPAN, Ints, Wait, Waits

#: Orders and customers with more different products are no household's: they are left out.
MOST_IN_ORDER, MOST_OF_CUSTOMER = 50, 200
#: Pairs that fewer baskets hold are not told: chance makes them.
LEAST_TOGETHER = 5
#: With fewer buyers who came back, nobody can tell what is bought next.
LEAST_BACK = 20

Floats = NDArray[np.floating]

_Z = NormalDist().inv_cdf(0.975)


def share_within(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share, 0–1. Everything is possible where nobody was counted."""
    return wilson(hits, n) or (0.0, 1.0)


@dataclass(frozen=True)
class Pair:
    """Two products in `baskets` baskets: `together` hold both, `first_n` the first and `second_n` the second."""

    first: int
    second: int
    together: int
    first_n: int
    second_n: int
    baskets: int

    @property
    def support(self) -> float:
        """Share of all baskets that hold both, 0–1."""
        return self.together / self.baskets

    @property
    def confidence(self) -> float:
        """Of the baskets with the first, the share that hold the second too, 0–1."""
        return self.together / self.first_n

    @property
    def reverse(self) -> float:
        """Of the baskets with the second, the share that hold the first too, 0–1."""
        return self.together / self.second_n

    @property
    def interval(self) -> tuple[float, float]:
        return share_within(self.together, self.first_n)

    @property
    def reverse_interval(self) -> tuple[float, float]:
        return share_within(self.together, self.second_n)

    @property
    def lift(self) -> float:
        """How many times as often together as if one had nothing to do with the other; 1 where that is so."""
        return self.together * self.baskets / (self.first_n * self.second_n)

    @property
    def lift_interval(self) -> tuple[float, float]:
        """What the interval of the confidence makes of it, the second's own share taken as known."""
        low, high = self.interval
        alone = self.second_n / self.baskets
        return low / alone, high / alone

    @property
    def verdict(self) -> str:
        """`more` or `less` often than by chance, where the interval of the lift leaves out 1."""
        low, high = self.lift_interval
        return "more" if low > 1 else "less" if high < 1 else "unclear"


@dataclass(frozen=True)
class Together:
    """`counts[a, b]` baskets hold both a and b, `counts[a, a]` hold a; `baskets` in all, those of others with them."""

    counts: NDArray[np.int64]
    baskets: int

    def plus(self, other: "Together") -> "Together":
        return Together(self.counts + other.counts, self.baskets + other.baskets)

    def pair(self, first: int, second: int) -> Pair:
        held, both = self.counts.diagonal(), self.counts[first, second]
        return Pair(first, second, int(both), int(held[first]), int(held[second]), self.baskets)

    def best(
        self, *, by: str = "lift", of: int | None = None, least: int = LEAST_TOGETHER, most: int | None = None
    ) -> tuple[int, list[Pair]]:
        """How many pairs at least `least` baskets hold, and up to `most` of them, greatest first.

        Each two products once, the more frequent one second; with `of` only the pairs of one product, it first.
        `by` is a key of MEASURES; ties go by the number of baskets, then by place.
        """
        first, second = self._enough(max(least, 1), of)
        held, both = self.counts.diagonal(), self.counts[first, second]
        measure = MEASURES[by](both, held[first], held[second], self.baskets)
        order = np.lexsort((second, first, -both, -measure))[:most]
        found = [self.pair(int(a), int(b)) for a, b in zip(first[order], second[order], strict=True)]
        return len(first), found

    def _enough(self, least: int, of: int | None) -> tuple[Ints, Ints]:
        if of is not None:
            partners = np.flatnonzero(self.counts[of] >= least)
            second = partners[partners != of]
            return np.full(len(second), of), second
        a, b = np.nonzero(np.triu(self.counts, 1) >= least)
        held = self.counts.diagonal()
        rarer = held[a] <= held[b]
        return np.where(rarer, a, b), np.where(rarer, b, a)


def _wilson_low(hits: Ints, n: Ints) -> Floats:
    share, spread = hits / n, _Z * _Z / n
    half = np.sqrt(share * (1 - share) / n + spread / (4 * n)) * _Z
    low: Floats = (share + spread / 2 - half) / (1 + spread)
    return low


#: By what pairs are ordered: from baskets with both, with the first, with the second, and all. Lift and confidence by
#: the low end of their intervals, which a handful of baskets cannot push up.
MEASURES: dict[str, Callable[[Ints, Ints, Ints, int], Floats]] = {
    "lift": lambda both, first, second, baskets: _wilson_low(both, first) * baskets / second,
    "confidence": lambda both, first, second, baskets: _wilson_low(both, first),
    "together": lambda both, first, second, baskets: both.astype(float),
}


def overfull(baskets: Ints, products: Ints, *, most: int) -> NDArray[np.bool_]:
    """Which rows are of baskets with more than `most` different products. A row says that a basket holds a product."""
    _numbers, basket = np.unique(baskets, return_inverse=True)
    _kinds, kind = np.unique(products, return_inverse=True)
    held = np.unique(basket.astype(np.int64) * (len(_kinds) + 1) + kind)
    found: NDArray[np.bool_] = (np.bincount(held // (len(_kinds) + 1), minlength=len(_numbers)) > most)[basket]
    return found


def together(baskets: Ints, products: Ints, *, size: int) -> Together:
    """Count pairs. A row says that a basket (of whatever number) holds a product; rows may repeat."""
    numbers, places = np.unique(baskets, return_inverse=True)
    held = np.unique(places.astype(np.int64) * (size + 1) + products + 1)
    basket, product = held // (size + 1), held % (size + 1) - 1
    known = product >= 0
    ones = np.ones(int(known.sum()), np.int64)
    table = scipy.sparse.csr_array((ones, (basket[known], product[known])), shape=(len(numbers), size))
    return Together(np.asarray((table.T @ table).todense()), len(numbers))


@dataclass(frozen=True)
class Following:
    """What buyers bought next. `buyers[a]` bought a, `back[a]` of them bought something on a later day.

    `waits`: of thing a × size + b, the days from the first day with a to the next day of purchase, where that had b.
    """

    buyers: Ints
    back: Ints
    waits: Waits

    def plus(self, other: "Following") -> "Following":
        return Following(self.buyers + other.buyers, self.back + other.back, self.waits.plus(other.waits))

    def after(self, product: int) -> dict[int, Wait]:
        """Product bought next → the days until then. The product itself is among them where it was bought again."""
        size = len(self.buyers)
        found = {second: self.waits.wait(product * size + second) for second in range(size)}
        return {second: wait for second, wait in found.items() if wait.n}


@dataclass(frozen=True)
class _Visits:
    """Days of purchase, customer after customer. `starts` and `ends`: their rows, one for each product bought."""

    owner: Ints
    day: Ints
    starts: Ints
    ends: Ints

    def after(self, visit: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """The next visit, and whether it is one of the same customer."""
        following = np.minimum(visit + 1, len(self.owner) - 1)
        return following, (following > visit) & (self.owner[following] == self.owner[visit])

    def rows(self, visit: Ints) -> tuple[Ints, Ints]:
        """The rows of visits one after another, and how many there are of each."""
        lengths = self.ends[visit] - self.starts[visit]
        offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.repeat(self.starts[visit], lengths) + offsets, lengths


def following(customers: Ints, days: Ints, products: Ints, *, size: int) -> Following:
    """Of each customer's first day with a product, what the next day of theirs with any purchase held."""
    if not len(customers):
        none = np.zeros(size, np.int64)
        return Following(none, none, Waits.of(none[:0], none[:0]))
    _numbers, customer = np.unique(customers, return_inverse=True)
    moments = customer.astype(np.int64) * SPAN + (days - days.min())
    keys = np.unique(moments * (size + 1) + products + 1)
    product = keys % (size + 1) - 1
    found, starts, visit = np.unique(keys // (size + 1), return_index=True, return_inverse=True)
    visits = _Visits(found // SPAN, found % SPAN, starts, np.append(starts[1:], len(keys)))
    # Rows ascend by customer and day: the first row of a customer and product is that of the first day.
    known = np.flatnonzero(product >= 0)
    _each, firsts = np.unique(visits.owner[visit[known]] * size + product[known], return_index=True)
    return _followed(visits, visit[known[firsts]], product[known[firsts]], product, size)


def _followed(visits: _Visits, visit: Ints, bought: Ints, product: Ints, size: int) -> Following:
    later, came = visits.after(visit)
    days = (visits.day[later] - visits.day[visit])[came]
    rows, lengths = visits.rows(later[came])
    second, first = product[rows], np.repeat(bought[came], lengths)
    known = second >= 0
    return Following(
        buyers=np.bincount(bought, minlength=size),
        back=np.bincount(bought[came], minlength=size),
        waits=Waits.of((first * size + second)[known], np.repeat(days, lengths)[known]),
    )
