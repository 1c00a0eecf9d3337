"""Rows of the product pages, the export and the API: pairs, what is bought next, and how long it lasts."""

from collections.abc import Iterable
from dataclasses import dataclass

from customers.books import Book
from segmentation.affinity import LEAST_BACK, LEAST_TOGETHER, Pair, share_within
from segmentation.assortment import Named, named
from segmentation.baskets import Study
from segmentation.intervals import Repeat
from segmentation.presets import Rule, editor_url
from segmentation.waits import Wait

SHOWN, EXPORTED = 50, 5_000
#: How many baskets have to hold a pair: choices.
LEASTS = (LEAST_TOGETHER, 10, 25, 100)


@dataclass(frozen=True)
class PairRow:
    """A pair with names. `segment_url`: the editor with the buyers of the first who have not bought the second."""

    pair: Pair
    first: Named
    second: Named
    segment_url: str


@dataclass(frozen=True)
class Pairs:
    """`n` pairs in all, of which `rows` are the first."""

    n: int
    rows: list[PairRow]


def pairs(
    counted: Study,
    book: Book,
    *,
    by: str = "customer",
    product: str = "",
    least: int = LEAST_TOGETHER,
    sort: str = "lift",
    most: int = SHOWN,
) -> Pairs:
    """Pairs of one product, it first, or of all; greatest first by `sort`, a key of affinity.MEASURES."""
    place = counted.place(product)
    if product and place is None:
        return Pairs(0, [])
    n, shown = counted.together(by).best(by=sort, of=place, least=least, most=most)
    names = named((counted.products[one] for pair in shown for one in (pair.first, pair.second)), book)
    return Pairs(n, [_row(pair, counted, names) for pair in shown])


def _row(pair: Pair, counted: Study, names: dict[str, Named]) -> PairRow:
    first, second = (names[counted.products[one]] for one in (pair.first, pair.second))
    return PairRow(pair, first, second, editor_url(has_not_rule(first.reference, second.reference)))


def has_rule(product: str, within_days: int | None = None) -> Rule:
    """Has a paid order with this product, ever or in the last days."""
    asked: Rule = {"filter": {"product": [product]}, "count": {"op": "gte", "value": 1}}
    return {"orders": asked if within_days is None else asked | {"within_days": within_days}}


def has_not_rule(bought: str, other: str) -> Rule:
    """Who has bought one product and never the other."""
    return {"all": [has_rule(bought), {"not": has_rule(other)}]}


def due_rule(product: str, repeat: Repeat) -> Rule | None:
    """Who last bought it from P30 to P90 days ago; None where the spells are too few to tell."""
    if repeat.p30 is None:
        return None
    return {"all": [has_rule(product, repeat.p90), {"not": has_rule(product, repeat.p30 - 1)}]}


# --- next -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NextRow:
    """`n` of the buyers who came back had this product on their next day of purchase, `median` days later."""

    product: Named
    n: int
    share: float
    interval: tuple[float, float]
    median: int | None


@dataclass(frozen=True)
class Next:
    """After the first day with a product: `back` of its `buyers` bought again later. No rows where they are too few."""

    buyers: int
    back: int
    rows: list[NextRow]

    @property
    def can_tell(self) -> bool:
        return self.back >= LEAST_BACK


def bought_next(counted: Study, book: Book, product: str, *, most: int = 10) -> Next | None:
    """What buyers of a product bought on their next day of purchase, most frequent first; None for an unknown one."""
    place = counted.place(product)
    if place is None:
        return None
    following = counted.counted.next
    buyers, back = int(following.buyers[place]), int(following.back[place])
    if back < LEAST_BACK:
        return Next(buyers, back, [])
    after = sorted(following.after(place).items(), key=lambda item: -item[1].n)[:most]
    names = named((counted.products[second] for second, _wait in after), book)
    return Next(buyers, back, [_next_row(names[counted.products[second]], wait, back) for second, wait in after])


def _next_row(product: Named, wait: Wait, back: int) -> NextRow:
    return NextRow(product, wait.n, wait.n / back, share_within(wait.n, back), wait.quantile(0.5))


# --- days between purchases -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RepeatRow:
    """A product or, without a `reference`, a category. `segment_url` is empty where nobody can tell who is due."""

    name: str
    reference: str
    product_id: int | None
    repeat: Repeat
    segment_url: str


def repeats(counted: Study, book: Book, *, most: int = SHOWN) -> list[RepeatRow]:
    """Products by ended spells, most first; only those that somebody bought."""
    known = counted.counted.products
    found = _most_repeated(((place, known.repeat(place)) for place in range(len(counted.products))), most)
    names = named((counted.products[place] for place, _repeat in found), book)
    return [_repeat_row(names[counted.products[place]], repeat) for place, repeat in found]


def _repeat_row(product: Named, repeat: Repeat) -> RepeatRow:
    rule = due_rule(product.reference, repeat)
    return RepeatRow(product.name, product.reference, product.product_id, repeat, editor_url(rule) if rule else "")


def category_repeats(counted: Study, *, most: int = SHOWN) -> list[RepeatRow]:
    """Categories by ended spells, most first: two different products of one category make a spell too."""
    known = counted.counted.categories
    found = _most_repeated(((place, known.repeat(place)) for place in range(len(counted.categories))), most)
    return [RepeatRow(counted.categories[place], "", None, repeat, "") for place, repeat in found]


def _most_repeated(found: Iterable[tuple[int, Repeat]], most: int) -> list[tuple[int, Repeat]]:
    bought = [(place, repeat) for place, repeat in found if repeat.buyers]
    return sorted(bought, key=lambda item: (-item[1].spells, -item[1].buyers, item[0]))[:most]


def wait_of(counted: Study, *, product: str = "", category: str = "") -> tuple[Wait, Repeat] | None:
    """The spells of a product or a category, and their figures; None for one that is unknown."""
    if category:
        known, places = counted.counted.categories, counted.categories
        place = places.index(category) if category in places else None
    else:
        known, place = counted.counted.products, counted.place(product)
    return None if place is None else (known.wait(place), known.repeat(place))
