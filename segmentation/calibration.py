"""When customers come back: of a book, a shop, a platform or a product category, and what other bounds would mean.

Spells are counted between purchase days of paid, not wholly refunded orders; a customer's newest purchase is an open
spell until the day of the run in force. Whoever is measured in another book is left out, as in the analysis.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from customers.books import Book
from customers.models import Platform, Shop
from orders.catalogue import categories_of
from orders.sql import COUNTS, kept, rows
from segmentation import lifecycle, survival
from segmentation.models import AnalysisRun
from segmentation.options import measuring
from segmentation.rfm import Ints
from segmentation.survival import Curves

#: Longer spells and waits are counted as this many days: ten years.
LONGEST = 3_650


@dataclass(frozen=True)
class Scope:
    """Which purchases are looked at; empty parts mean all of the book. A category asks for orders that hold it."""

    book: str
    shop: str = ""
    platform: str = ""
    category: str = ""

    @property
    def is_whole_book(self) -> bool:
        return not (self.shop or self.platform or self.category)


@dataclass(frozen=True)
class Choices:
    """What a scope can be narrowed to: shops by code, platforms and categories that the book has."""

    shops: dict[str, str]
    platforms: dict[str, str]
    categories: list[str]


def choices(book: Book) -> Choices:
    shops = list(Shop.objects.filter(pk__in=book.shop_ids).order_by("name", "pk"))
    here = {shop.platform for shop in shops}
    return Choices(
        shops={shop.code: shop.name for shop in shops},
        platforms={code: str(label) for code, label in Platform.choices if code in here},
        categories=categories_of(book),
    )


@dataclass(frozen=True)
class Spells:
    """Histograms over days 0 to LONGEST: spells that ended, and customers by the days they have waited."""

    returned: Ints
    waiting: Ints


@dataclass(frozen=True)
class Calibration:
    """`own`: bounds from the spells of this scope; where `own.own` is false they were too few (`min_spells`) and the
    usual ones stand there. `half_life` and `win_back` in days, None where they cannot be told. `horizon` in days.
    """

    scope: Scope
    as_of: date
    spells: int
    waiting: int
    min_spells: int
    own: lifecycle.Bounds
    curves: Curves
    returned: Ints
    waiting_by_day: Ints
    horizon: int
    half_life: int | None
    win_back: int | None

    def shares_by(self, day: int) -> tuple[float, float]:
        """Who had come back by this day: of those who came back, and of everybody with the waiting counted."""
        place = min(max(day, 0), len(self.curves.returned) - 1)
        return float(self.curves.returned[place]), float(self.curves.coming_back[place])


def calibration(book: Book, run: AnalysisRun, scope: Scope) -> Calibration:
    """Counted to the day of `run`. The histograms are kept for ten minutes: a million customers take seconds."""
    found = spells(book, run, scope)
    least = measuring(book.code).min_spells
    own = lifecycle.bounds(found.returned, min_spells=least)
    daily = lifecycle.hazard(found.returned, found.waiting)
    curve = np.cumprod(1 - daily)
    return Calibration(
        scope=scope, as_of=run.as_of, spells=own.spells, waiting=int(found.waiting.sum()), min_spells=least, own=own,
        curves=survival.curves(found.returned, found.waiting), returned=found.returned, waiting_by_day=found.waiting,
        horizon=min(lifecycle.HORIZON, len(curve) - 1),
        half_life=lifecycle.half_life(curve) if own.own else None,
        win_back=lifecycle.win_back_day(daily, own.p30) if own.own else None,
    )  # fmt: skip


def spells(book: Book, run: AnalysisRun, scope: Scope) -> Spells:
    parts = (run.pk, scope.shop, scope.platform, scope.category)
    return kept("spells", book.code, *parts, compute=lambda: _spells(book, run.as_of, scope))


# The index of purchases gives them in the order of customers and days, so that nothing is sorted.
_SPELLS = """
WITH days AS (
  SELECT DISTINCT o.customer_id, o.paid_on FROM orders_order o
  WHERE {counts} AND o.customer_id IS NOT NULL AND o.paid_on <= %(day)s AND o.shop_id = ANY(%(shops)s) {narrow}
), gaps AS (
  SELECT customer_id, paid_on, lead(paid_on) OVER (PARTITION BY customer_id ORDER BY paid_on) AS next FROM days
)
SELECT least(coalesce(g.next, %(day)s) - g.paid_on, %(longest)s), g.next IS NULL, count(*)
FROM gaps g JOIN customers_customerfacts f ON f.customer_id = g.customer_id AND f.book = %(book)s
GROUP BY 1, 2
"""
_IN_CATEGORY = """AND o.id IN (SELECT l.order_id FROM orders_orderline l JOIN orders_product p ON p.id = l.product_id
    WHERE p.category = %(category)s AND p.shop_id = ANY(%(shops)s))"""


def _spells(book: Book, day: date, scope: Scope) -> Spells:
    sql = _SPELLS.format(counts=COUNTS, narrow=_IN_CATEGORY if scope.category else "")
    values = {
        "day": day, "shops": _shops(book, scope), "category": scope.category, "book": book.code, "longest": LONGEST,
    }  # fmt: skip
    found: list[tuple[int, bool, int]] = rows(sql, values)
    return Spells(
        _histogram([(days, n) for days, waits, n in found if not waits]),
        _histogram([(days, n) for days, waits, n in found if waits]),
    )


def _shops(book: Book, scope: Scope) -> list[int]:
    shops = Shop.objects.filter(pk__in=book.shop_ids)
    if scope.shop:
        shops = shops.filter(code=scope.shop)
    if scope.platform:
        shops = shops.filter(platform=scope.platform)
    return list(shops.values_list("pk", flat=True))


def _histogram(pairs: list[tuple[int, int]]) -> Ints:
    counts = np.zeros(max((days for days, _n in pairs), default=0) + 1, np.int64)
    for days, n in pairs:
        counts[days] += n
    return counts


@dataclass(frozen=True)
class Recencies:
    """Customers of the book by days since their last paid order: those with exactly one, and those with more."""

    once: Ints
    more: Ints


def recencies(book: Book, run: AnalysisRun) -> Recencies:
    """From the facts of the run in force; kept for ten minutes."""
    return kept("recencies", book.code, run.pk, compute=lambda: _recencies(book.code, run.as_of))


def _recencies(book: str, day: date) -> Recencies:
    found: list[tuple[int, bool, int]] = rows(
        """
        SELECT least(greatest(%(day)s - last_paid_on, 0), %(longest)s), orders = 1, count(*)
        FROM customers_customerfacts WHERE book = %(book)s AND last_paid_on IS NOT NULL GROUP BY 1, 2
        """,
        {"book": book, "day": day, "longest": LONGEST},
    )
    return Recencies(
        _histogram([(days, n) for days, once, n in found if once]),
        _histogram([(days, n) for days, once, n in found if not once]),
    )


def stage_counts(found: Recencies, bounds: tuple[int, int, int]) -> dict[str, int]:
    """How many customers each stage holds under these bounds; prospects have no recency and stay as they are."""
    p30, p60, p90 = bounds
    everybody = lifecycle.add(found.once, found.more)
    return {
        "new": int(found.once[: p30 + 1].sum()),
        "active": int(found.more[: p30 + 1].sum()),
        "silent": int(everybody[p30 + 1 : p60 + 1].sum()),
        "dormant": int(everybody[p60 + 1 : p90 + 1].sum()),
        "lost": int(everybody[p90 + 1 :].sum()),
    }
