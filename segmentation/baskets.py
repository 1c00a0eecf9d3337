"""What the baskets of a book say about its products: read once, counted, and kept.

A small book is counted when somebody looks and kept for ten minutes; a large one by a job, once a day or on demand.
Products are told apart by reference: `item:7` where shops' products are linked, else `product:12`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256

import numpy as np
from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import OPEN_STATES, Job
from crm_suite.lib.errors import BadInput, WrongState
from customers.books import Book, book_of, books
from orders import sales
from orders.sql import COUNTS, kept, rows
from segmentation.affinity import MOST_IN_ORDER, MOST_OF_CUSTOMER, Following, Together, following, overfull, together
from segmentation.analysis.copying import copy_out
from segmentation.assortment import Assortment, assortment
from segmentation.intervals import Spells, spells
from segmentation.waits import Ints

KIND = "baskets"
#: Choices of days back from the newest; the first is counted every night.
SPANS = (365, 180, 90, 730)
#: With more paid orders in the days asked for, counting takes longer than anybody should wait for a page.
SMALL = 100_000
#: Orders of all books that are read at once: bounds the memory.
PIECE = 250_000
KEPT = timedelta(days=8)
FRESH = timedelta(hours=20)

_DAY_ZERO = date(2000, 1, 1)
_LINE = np.dtype([("customer", "i8"), ("order", "i8"), ("day", "i4"), ("product", "i8")])
_LINES = f"""
    SELECT o.customer_id, o.id, o.paid_on - DATE '2000-01-01', l.product_id
    FROM orders_order o JOIN orders_orderline l ON l.order_id = o.id
    WHERE o.customer_id > %s AND o.customer_id <= %s AND o.shop_id = ANY(%s) AND o.paid_on BETWEEN %s AND %s
      AND {COUNTS} AND l.product_id IS NOT NULL
"""  # noqa: S608  our own condition


@dataclass(frozen=True)
class Counted:
    """Figures of a range of customers, or of all of them."""

    by_customer: Together
    by_order: Together
    next: Following
    products: Spells
    categories: Spells
    orders_left_out: int
    customers_left_out: int

    def plus(self, other: "Counted") -> "Counted":
        return Counted(
            self.by_customer.plus(other.by_customer), self.by_order.plus(other.by_order), self.next.plus(other.next),
            self.products.plus(other.products), self.categories.plus(other.categories),
            self.orders_left_out + other.orders_left_out, self.customers_left_out + other.customers_left_out,
        )  # fmt: skip


@dataclass(frozen=True)
class Study:
    """Paid orders of known customers from `first` to `last`, as far as their products are known.

    `products` are references and `categories` names, in the order of the places that `counted` speaks of. Orders with
    more than 50 different products are left out of everything, customers with more than 200 of pairs.
    """

    first: date
    last: date
    products: tuple[str, ...]
    categories: tuple[str, ...]
    counted: Counted
    counted_at: datetime

    def place(self, product: str) -> int | None:
        return self.products.index(product) if product in self.products else None

    def together(self, by: str) -> Together:
        return self.counted.by_order if by == "order" else self.counted.by_customer


def study(book: Book, days: int = SPANS[0]) -> Study | None:
    """Figures of the last `days` days; None while nothing was bought, or a large book was not counted yet."""
    period = _period(book, days)
    if period is None:
        return None
    if is_small(book, days):
        return kept("baskets", book.code, book.shop_ids, *period, compute=lambda: count(book, *period))
    found: Study | None = cache.get(_key(book.code, days))
    return found


def is_small(book: Book, days: int) -> bool:
    """Whether the orders are few enough to be counted while somebody waits (under 2 s for 100,000 orders)."""
    period = _period(book, days)
    if period is None:
        return True
    found = rows(
        """SELECT count(*) FROM (SELECT FROM orders_order WHERE paid_on BETWEEN %(first)s AND %(last)s
             AND shop_id = ANY(%(shops)s) LIMIT %(most)s) part""",
        {"first": period[0], "last": period[1], "shops": list(book.shop_ids), "most": SMALL + 1},
    )
    return bool(found[0][0] <= SMALL)


def _period(book: Book, days: int) -> tuple[date, date] | None:
    anchor = sales.anchor(book)
    return (anchor.day - timedelta(days=days - 1), anchor.day) if anchor else None


def _key(book: str, days: int) -> str:
    # The number belongs to the shape of Study: an older program's figures are not understood.
    return f"segmentation:baskets:1:{sha256(book.encode()).hexdigest()[:16]}:{days}"


# --- by a job ---------------------------------------------------------------------------------------------------------


def submit_count(*, book: str, days: int = SPANS[0], by: User | None = None) -> Job:
    """Have a worker count. A job under way is not queued twice. Raises BadInput for a number of days not offered."""
    if days not in SPANS:
        raise BadInput(_("So many days cannot be counted."), code="unknown_days")
    under_way = job_under_way(book, days)
    title = f"{_('Count what is bought together')} · {book}"
    return under_way or jobs.submit(kind=KIND, title=title, params={"book": book, "days": days}, by=by)


def job_under_way(book: str, days: int) -> Job | None:
    waiting = Job.objects.filter(kind=KIND, state__in=OPEN_STATES, cancel_requested=False)
    return waiting.filter(params={"book": book, "days": days}).first()


def submit_due() -> int:
    """Queue the large books whose figures of a year are older than 20 hours. Returns how many."""
    return sum(_submit_if_due(book) for book in books())


def _submit_if_due(book: Book) -> bool:
    if is_small(book, SPANS[0]):
        return False
    known = study(book)
    due = known is None or timezone.now() - known.counted_at > FRESH
    if due:
        submit_count(book=book.code)
    return due


def carry_out_count(job: Job, progress: jobs.Progress) -> Mapping[str, object]:
    """The work of a job made here."""
    code, days = str(job.params["book"]), int(job.params["days"])
    book = book_of(code)
    period = _period(book, days) if book else None
    if book is None or period is None:
        raise WrongState(_("There are no paid orders to count."), code="nothing_to_count")
    found = count(book, *period, progress=progress)
    cache.set(_key(code, days), found, timeout=int(KEPT.total_seconds()))
    return {"orders": found.counted.by_order.baskets, "customers": found.counted.by_customer.baskets}


# --- counting ---------------------------------------------------------------------------------------------------------


def count(book: Book, first: date, last: date, *, progress: jobs.Progress | None = None) -> Study:
    """Read the lines of the period customer range by customer range, and count."""
    known = assortment(book, first, last)
    found: Counted | None = None
    done = 0
    for after, upto, orders in _ranges():
        lines = copy_out(_LINES, [after, upto, list(book.shop_ids), first, last], _LINE)
        part = _counted(lines, known, until=(last - _DAY_ZERO).days)
        found = found.plus(part) if found else part
        done += orders
        if progress:
            progress(done=done, message=book.label)
    nothing = np.zeros(0, _LINE)
    whole = found or _counted(nothing, known, until=(last - _DAY_ZERO).days)
    return Study(first, last, known.products, known.categories, whole, timezone.now())


def _ranges() -> Iterator[tuple[int, int, int]]:
    """Customers after … up to, with about a quarter of a million orders of theirs."""
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT max(customer_id), count(*) FROM (SELECT o.customer_id FROM orders_order o
                      WHERE o.customer_id > %s AND {COUNTS} ORDER BY o.customer_id LIMIT {PIECE}) part""",  # noqa: S608
                [after],
            )
            upto, orders = cursor.fetchone() or (None, 0)
        if upto is None:
            return
        yield after, int(upto), int(orders)
        after = int(upto)


def _counted(lines: "np.ndarray[tuple[int], np.dtype[np.void]]", known: Assortment, *, until: int) -> Counted:
    kinds = known.kind_of(lines["product"])
    huge = overfull(lines["order"], kinds, most=MOST_IN_ORDER)
    left_out = len(np.unique(lines["order"][huge]))
    lines, kinds = lines[~huge], kinds[~huge]
    products, categories = known.place_of[kinds], known.category_of[kinds]
    customers, days = lines["customer"], lines["day"]
    size, reseller = len(known.products), overfull(customers, kinds, most=MOST_OF_CUSTOMER)
    return Counted(
        by_customer=together(customers[~reseller], products[~reseller], size=size),
        by_order=together(lines["order"], products, size=size),
        next=following(customers, days, products, size=size),
        products=spells(customers, days, products, size=size, until=until),
        categories=spells(customers, days, categories, size=len(known.categories), until=until),
        orders_left_out=left_out,
        customers_left_out=_different(customers[reseller]),
    )


def _different(numbers: Ints) -> int:
    return len(np.unique(numbers))
