"""Which products of different shops look like one and the same (商品通): a calculator without tables.

Names are compared by pairs of neighbouring characters: that works alike for Chinese, of which PostgreSQL makes no
trigrams where its character type is C, and for words with spaces.
"""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

SKU_AND_NAME, NAME, SKU, SIMILAR = "sku_and_name", "name", "sku", "similar"
LEAST_LIKENESS = 0.6
SHORTEST_SKU = 3  # "1" in two shops says nothing
MOST_SHARING = 100  # products with the same pair of characters, beyond which it tells none of them apart

Pair = tuple[int, int]


@dataclass(frozen=True)
class Named:
    """A product as it is compared; `item` is what it is linked to already, if anything."""

    id: int
    shop: int
    sku: str
    name: str
    item: int | None = None


@dataclass(frozen=True)
class Likeness:
    """Two products that may be one; `first` has the smaller number. `score` 0–1, below 1 only for similar names."""

    first: int
    second: int
    reason: str
    score: float = 1.0

    @property
    def pair(self) -> Pair:
        return self.first, self.second


def normal_name(name: str) -> str:
    """Letters and digits only, in one width and case: “明前龙井（礼盒）250G” → “明前龙井礼盒250g”."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", name).casefold() if sign.isalnum())


def normal_sku(sku: str) -> str:
    return unicodedata.normalize("NFKC", sku).casefold().strip()


def likenesses(products: Sequence[Named], *, settled: Set[Pair] = frozenset()) -> list[Likeness]:
    """At most one proposal per product and reason, the surest first. Never two products of one shop, nor two that are
    linked already, nor a `settled` pair (first number smaller)."""
    found: dict[Pair, Likeness] = {}
    for reason, key in ((SKU_AND_NAME, _both), (NAME, _name), (SKU, _sku)):
        for first, second in _partners(products, key, settled):
            found.setdefault((first, second), Likeness(first, second, reason))
    partnered = {one for pair in found for one in pair}
    for one in _similar([product for product in products if product.id not in partnered], settled):
        found.setdefault(one.pair, one)
    order = (SKU_AND_NAME, NAME, SKU, SIMILAR)
    return sorted(found.values(), key=lambda one: (order.index(one.reason), -one.score, one.pair))


def _both(product: Named) -> str:
    return f"{_sku(product)}\n{_name(product)}" if _sku(product) and _name(product) else ""


def _name(product: Named) -> str:
    return normal_name(product.name)


def _sku(product: Named) -> str:
    sku = normal_sku(product.sku)
    return sku if len(sku) >= SHORTEST_SKU else ""


def _may_pair(one: Named, other: Named, settled: Set[Pair]) -> bool:
    is_linked = one.item is not None and one.item == other.item
    return one.shop != other.shop and not is_linked and _ordered(one, other) not in settled


def _ordered(one: Named, other: Named) -> Pair:
    return min(one.id, other.id), max(one.id, other.id)


def _partners(products: Sequence[Named], key: object, settled: Set[Pair]) -> Iterator[Pair]:
    """For each product the first one before it with the same key: a chain through the group, not every pair of it."""
    assert callable(key)
    groups: dict[str, list[Named]] = defaultdict(list)
    for product in sorted(products, key=lambda product: product.id):
        if found := key(product):
            group = groups[found]
            partner = next((other for other in group if _may_pair(product, other, settled)), None)
            if partner and not any(_is_linked(product, other) for other in group):
                yield _ordered(product, partner)
            group.append(product)


def _is_linked(one: Named, other: Named) -> bool:
    return one.item is not None and one.item == other.item


def _similar(products: Iterable[Named], settled: Set[Pair]) -> Iterator[Likeness]:
    """For each product the most similar one of another shop among those with a smaller number.

    Two sets with a Jaccard index of t share one of the |set| − ⌈t·|set|⌉ + 1 rarest members of either, so only
    products that share such a rare pair of characters are compared at all; a pair that more than a hundred share is
    not rare, whatever else the name holds.
    """
    named = [(product, _pairs_of(product.name)) for product in sorted(products, key=lambda product: product.id)]
    frequency = Counter(sign for _product, signs in named for sign in signs)
    index: dict[str, list[tuple[Named, frozenset[str]]]] = defaultdict(list)
    for product, signs in named:
        if not signs:
            continue
        rarest = sorted(signs, key=lambda sign: (frequency[sign], sign))
        rarest = rarest[: len(signs) - math.ceil(LEAST_LIKENESS * len(signs)) + 1]
        rarest = [sign for sign in rarest if frequency[sign] <= MOST_SHARING]
        others = {other.id: (other, theirs) for sign in rarest for other, theirs in index[sign]}
        if best := _best(product, signs, others.values(), settled):
            yield best
        for sign in rarest:
            index[sign].append((product, signs))


def _best(
    product: Named, signs: frozenset[str], others: Iterable[tuple[Named, frozenset[str]]], settled: Set[Pair]
) -> Likeness | None:
    scored = [
        (len(signs & theirs) / len(signs | theirs), -other.id, other)
        for other, theirs in others
        if _may_pair(product, other, settled) and _numbers(product.name) == _numbers(other.name)
    ]
    score, _number, other = max(scored, key=lambda one: one[:2], default=(0.0, 0, product))
    return Likeness(*_ordered(product, other), SIMILAR, round(score, 3)) if score >= LEAST_LIKENESS else None


def _pairs_of(name: str) -> frozenset[str]:
    text = normal_name(name)
    return frozenset(text[at : at + 2] for at in range(len(text) - 1)) or frozenset([text] if text else [])


def _numbers(name: str) -> list[str]:
    """250 g is not 500 g, however alike the rest of the name."""
    return sorted(re.findall(r"\d+", unicodedata.normalize("NFKC", name)))
