"""Rows of a store's data in which something is missing or odd: one query per oddity, and how one of its rows reads.

Some of these read a whole table: counting them is a matter of a job (`orders.quality`).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Mod
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.books import Book
from customers.ledger import wrong_balances
from customers.models import Customer, DuplicatePair, Identity, Shop
from customers.selectors import people_of
from orders.importers.problems import TITLES
from orders.models import ImportFile, Order, OrderLine, ParkedRow, Product, RejectedRow

#: A line that still waits for its order after so many days will hardly see it come.
PATIENCE = timedelta(days=7)
#: A shop that nothing came from for so many days may have been forgotten.
QUIET = timedelta(days=14)
#: Clocks differ a little; an order from later than this is a mistake.
TOLERANCE = timedelta(days=1)
#: Under which names platforms tell the currency of an order; layouts keep unknown columns under their own names.
CURRENCY_COLUMNS = ("Currency", "currency", "币种", "货币")


@dataclass(frozen=True)
class Found:
    """One row that a check found: what it is called, where its page is, and what is odd about it.

    `is_person`: the label is a name, which no list for everybody shows.
    """

    label: str
    url_name: str = ""
    pk: int | None = None
    note: str = ""
    is_person: bool = False


# --- customers --------------------------------------------------------------------------------------------------------


def without_key(book: Book) -> QuerySet[Customer]:
    return people_of(book).filter(~Exists(Identity.objects.filter(customer=OuterRef("pk"))))


def without_contact(book: Book) -> QuerySet[Customer]:
    return people_of(book).filter(phone="", email="")


def open_pairs(book: Book) -> QuerySet[DuplicatePair]:
    pairs = DuplicatePair.objects.filter(state=DuplicatePair.State.OPEN, first__is_demo=book.is_demo)
    return pairs.filter(first__facts__book__in=[book.code, ""]).select_related("first", "second")


def with_wrong_points(book: Book) -> QuerySet[Customer]:
    return people_of(book).filter(pk__in=wrong_balances().values("pk"))


def show_customer(customer: Customer) -> Found:
    number = _("No. %(number)s") % {"number": customer.pk}
    return Found(str(customer), "customers:detail", customer.pk, number, is_person=True)


def show_pair(pair: DuplicatePair) -> Found:
    names = _("%(first)s and %(second)s") % {"first": pair.first, "second": pair.second}
    numbers = _("No. %(first)s and %(second)s") % {"first": pair.first_id, "second": pair.second_id}
    return Found(names, "customers:detail", pair.first_id, numbers, is_person=True)


# --- orders -----------------------------------------------------------------------------------------------------------


def _orders(book: Book) -> QuerySet[Order]:
    return Order.objects.filter(shop__in=book.shop_ids).select_related("shop")


def without_customer(book: Book) -> QuerySet[Order]:
    return _orders(book).filter(customer=None)


def in_the_future(book: Book) -> QuerySet[Order]:
    latest = timezone.now() + TOLERANCE
    return _orders(book).filter(Q(placed_at__gt=latest) | Q(paid_at__gt=latest))


def in_other_currency(book: Book) -> QuerySet[Order]:
    """Orders beside whose amounts the file named another currency than the shop's."""
    named = Coalesce(*[KT(f"extra__{column}") for column in CURRENCY_COLUMNS], output_field=TextField())
    with_one = _orders(book).filter(extra__has_any_keys=list(CURRENCY_COLUMNS)).alias(named=named)
    return with_one.filter(named__gt="").exclude(named__iexact=F("shop__currency"))


def show_order(order: Order) -> Found:
    return Found(order.external_id, "orders:detail", order.pk, f"{order.shop.name} · {order.placed_at:%Y-%m-%d}")


def show_order_with_currency(order: Order) -> Found:
    named = next((str(order.extra[column]) for column in CURRENCY_COLUMNS if order.extra.get(column)), "")
    return Found(order.external_id, "orders:detail", order.pk, f"{named} ≠ {order.shop.currency}")


# --- products ---------------------------------------------------------------------------------------------------------


def _products(book: Book) -> QuerySet[Product]:
    return Product.objects.filter(shop__in=book.shop_ids).select_related("shop")


def without_cost(book: Book) -> QuerySet[Product]:
    return _products(book).filter(cost=None)


def without_category(book: Book) -> QuerySet[Product]:
    return _products(book).filter(category="")


def show_product(product: Product) -> Found:
    return Found(str(product), note=f"{product.sku} · {product.shop.name}")


# --- imports ----------------------------------------------------------------------------------------------------------


def _parked(book: Book) -> QuerySet[ParkedRow]:
    return ParkedRow.objects.filter(shop__in=book.shop_ids).select_related("shop", "import_file")


def waiting(book: Book) -> QuerySet[ParkedRow]:
    return _parked(book).filter(parked_at__gt=timezone.now() - PATIENCE)


def waiting_long(book: Book) -> QuerySet[ParkedRow]:
    return _parked(book).filter(parked_at__lte=timezone.now() - PATIENCE)


def rejected(book: Book) -> QuerySet[RejectedRow]:
    """Rows of finished imports whose corrected line has not come: not at the place that was kept for it, and not at
    the place far out that a corrected row gets whose order nobody knew (importers/apply_sql.py)."""
    rows = RejectedRow.objects.filter(
        import_file__shop__in=book.shop_ids, import_file__state=ImportFile.State.DONE
    ).select_related("import_file")
    shops_lines = OrderLine.objects.filter(order__shop=OuterRef("import_file__shop"))
    far_out = 1_000_000 + Mod(OuterRef("import_file_id"), 1000) * 2_000_000 + Mod(OuterRef("row_no"), 2_000_000)
    kept = shops_lines.filter(order__external_id=OuterRef("order_no"), line_no=OuterRef("line_no"))
    return rows.filter(~Exists(kept)).filter(~Exists(shops_lines.filter(line_no=far_out)))


def quiet_shops(book: Book) -> QuerySet[Shop]:
    """Shops with neither an import nor a changed order for two weeks."""
    since = timezone.now() - QUIET
    shops = Shop.objects.filter(pk__in=book.shop_ids).annotate(newest=Max("imports__created_at"))
    lately = Order.objects.filter(shop=OuterRef("pk"), updated_at__gt=since)
    return shops.filter(Q(newest=None) | Q(newest__lte=since)).filter(~Exists(lately))


def show_parked(row: ParkedRow) -> Found:
    place = _("row %(row)s of %(file)s") % {"row": row.row_no, "file": row.import_file or "?"}
    return Found(row.order_no, "orders:import_detail" if row.import_file_id else "", row.import_file_id, place)


def show_rejected(row: RejectedRow) -> Found:
    place = _("row %(row)s of %(file)s") % {"row": row.row_no, "file": row.import_file}
    return Found(place, "orders:import_detail", row.import_file_id, str(TITLES.get(row.code, row.reason)))


def show_shop(shop: Any) -> Found:
    if shop.newest is None:
        return Found(shop.name, note=_("no import yet"))
    return Found(shop.name, note=_("newest import %(day)s") % {"day": f"{shop.newest:%Y-%m-%d}"})
