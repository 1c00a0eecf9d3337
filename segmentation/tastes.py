"""One customer's preferences, and what they may want next, read from their paid orders."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from customers.books import Book, book_of
from customers.models import Customer
from orders.models import Order
from orders.sql import COUNTS, kept, rows
from segmentation.affinity import Pair
from segmentation.assortment import Named, named
from segmentation.baskets import Study, study
from segmentation.preferences import Basket, Line, Preferences, preferences

#: Newest paid orders that are looked at: of one customer, and of a book for its prices.
ORDERS, PRICED_ORDERS = 500, 20_000
#: With fewer lines of a book, a fifth of them would be a handful.
LEAST_PRICES = 50
SUGGESTED = 3

_ORDERS = f"""
    SELECT o.id, o.placed_at, h.timezone, o.paid_amount, l.product_id, p.item_id,
      coalesce(nullif(i.category, ''), p.category, ''), l.quantity, l.unit_price, l.amount
    FROM (SELECT * FROM orders_order o WHERE o.customer_id = %(customer)s AND o.shop_id = ANY(%(shops)s) AND {COUNTS}
          ORDER BY o.paid_on DESC, o.id DESC LIMIT {ORDERS}) o
    JOIN customers_shop h ON h.id = o.shop_id
    LEFT JOIN orders_orderline l ON l.order_id = o.id
    LEFT JOIN orders_product p ON p.id = l.product_id LEFT JOIN orders_catalogueitem i ON i.id = p.item_id
    ORDER BY o.placed_at, o.id, l.line_no
"""  # noqa: S608  our own condition

_PRICES = f"""
    SELECT percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY l.amount / l.quantity), count(*)
    FROM (SELECT o.id FROM orders_order o WHERE o.shop_id = ANY(%(shops)s) AND {COUNTS}
          ORDER BY o.paid_on DESC LIMIT {PRICED_ORDERS}) o
    JOIN orders_orderline l ON l.order_id = o.id WHERE l.amount > 0
"""  # noqa: S608


@dataclass(frozen=True)
class Suggestion:
    """Something they have not bought, because `pair.first` they have: what other buyers of that also bought."""

    product: Named
    because: Named
    pair: Pair


@dataclass(frozen=True)
class Taste:
    """`cuts` part the prices of the book's newest 20,000 orders into fifths; None where there are too few.

    `is_counted` is False where a large book's pairs were not counted yet: there are no suggestions then.
    """

    book: Book
    found: Preferences
    cuts: tuple[Decimal, ...] | None
    suggestions: list[Suggestion]
    is_counted: bool


def taste(customer: Customer) -> Taste | None:
    """None for somebody without a paid order. Looks at the newest 500 paid orders in their own book."""
    book = home_of(customer)
    baskets = _baskets(customer, book) if book else []
    if book is None or not baskets:
        return None
    cuts, counted = price_cuts(book), study(book)
    owned = {line.product for basket in baskets for line in basket.lines}
    pairs = suggested(counted, owned) if counted else []
    names = named([one for pair in pairs for one in pair[:2]], book)
    shown = [Suggestion(names[what], names[why], pair) for what, why, pair in pairs]
    return Taste(book, preferences(baskets, cuts=cuts), cuts, shown, counted is not None)


def home_of(customer: Customer) -> Book | None:
    """The book that their figures are of, else that of their newest paid order; None for somebody without one."""
    facts = getattr(customer, "facts", None)
    if facts is not None and facts.book:
        return book_of(facts.book)
    newest = Order.objects.paid().filter(customer=customer).order_by("-paid_on").values_list("shop__book").first()
    return book_of(newest[0]) if newest else None


def price_cuts(book: Book) -> tuple[Decimal, ...] | None:
    """The 20, 40, 60 and 80 % quantiles of what a piece cost, kept for ten minutes; None with fewer than 50 lines."""
    return kept("price-cuts", book.code, book.shop_ids, compute=lambda: _price_cuts(book)) or None


def _price_cuts(book: Book) -> tuple[Decimal, ...]:
    cuts, n = rows(_PRICES, {"shops": list(book.shop_ids)})[0]
    return tuple(cuts) if n >= LEAST_PRICES else ()


def _baskets(customer: Customer, book: Book) -> list[Basket]:
    found = rows(_ORDERS, {"customer": customer.pk, "shops": list(book.shop_ids)})
    return [_basket(list(lines)) for _order, lines in groupby(found, key=lambda row: row[0])]


def _basket(found: Sequence[tuple[Any, ...]]) -> Basket:
    _order, placed_at, zone, paid = found[0][:4]
    priced = [row for row in found if row[7] is not None]
    listed = sum((row[7] * row[8] for row in priced), Decimal(0))
    return Basket(
        moment=placed_at.astimezone(ZoneInfo(zone)),
        # A cent per line is rounding. Postage makes a payment larger, never smaller.
        discounted=paid + Decimal("0.01") * len(priced) < listed if listed else None,
        lines=tuple(_lines(priced)),
    )


def _lines(priced: Sequence[tuple[Any, ...]]) -> Iterator[Line]:
    for row in priced:
        product, item, category, pieces, _listed, amount = row[4:10]
        reference = f"item:{item}" if item else f"product:{product}" if product else ""
        yield Line(reference, category, pieces, amount / pieces)


def suggested(counted: Study, owned: set[str]) -> list[tuple[str, str, Pair]]:
    """Up to three products that they do not have, the one they have, and the pair that speaks for it.

    Only pairs that are more frequent than chance explains, the surest first: by the low end of the confidence.
    """
    best: dict[str, Pair] = {}
    places = [place for place in map(counted.place, owned) if place is not None]
    for pair in (pair for place in places for pair in counted.counted.by_customer.best(by="confidence", of=place)[1]):
        what = counted.products[pair.second]
        if what not in owned and pair.verdict == "more" and pair.interval > _interval(best, what):
            best[what] = pair
    ordered = sorted(best.items(), key=lambda item: item[1].interval, reverse=True)[:SUGGESTED]
    return [(what, counted.products[pair.first], pair) for what, pair in ordered]


def _interval(best: Mapping[str, Pair], what: str) -> tuple[float, float]:
    return best[what].interval if what in best else (0.0, 0.0)
