"""Questions about orders and imports."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext as _

from customers.books import Book
from orders.importers import layout_named
from orders.importers.layout import FIX_COLUMNS
from orders.importers.problems import SENTENCES, TITLES, sentence
from orders.models import ImportFile, Order, Refund, RejectedRow

SEARCHED = 6
ON_PANEL = 10
EXPORTED = 2_000  # orders read at once


@dataclass(frozen=True)
class Rejected:
    """A rejected row in the words of the active language."""

    row_no: int
    column: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What became of the rows of an import; `identified` + `anonymous` + `refunds` + `rejected` = `rows`."""

    rows: int
    identified: int
    anonymous: int
    refunds: int
    rejected: int
    reasons: list[tuple[str, int]]

    @property
    def imported(self) -> int:
        return self.identified + self.anonymous


def orders_of(book: Book) -> QuerySet[Order]:
    """The book's orders with what a list shows of them."""
    return Order.objects.filter(shop__in=book.shop_ids).select_related("shop", "customer")


def orders_for_export(orders: QuerySet[Order]) -> Iterator[list[object]]:
    """Rows of the export, newest first; moments in UTC."""
    for order in orders.order_by("-placed_at", "-pk").iterator(chunk_size=EXPORTED):
        yield [
            order.external_id, order.shop.code, order.state, order.platform_state, order.placed_at, order.paid_at,
            order.total_amount, order.paid_amount, order.refunded_amount, order.net_amount, order.shop.currency,
            order.customer_id,
        ]  # fmt: skip


def find_orders(text: str) -> list[Order]:
    """Up to six orders whose number begins with `text`, newest first."""
    if len(text) < 2:
        return []
    found = Order.objects.filter(external_id__startswith=text).select_related("shop", "customer")
    return list(found.order_by("-placed_at")[:SEARCHED])


def customers_orders(customer_id: int) -> tuple[list[Order], int]:
    """The newest ten orders of a customer with their lines, and how many there are."""
    orders = Order.objects.filter(customer=customer_id)
    newest = orders.select_related("shop").prefetch_related("lines").annotate(units=Sum("lines__quantity"))
    return list(newest.order_by("-placed_at", "-pk")[:ON_PANEL]), orders.count()


def refunds_without_order(customer_id: int) -> list[Refund]:
    """The newest ten refunds that name no order."""
    return list(Refund.objects.filter(customer=customer_id, order=None).select_related("shop")[:ON_PANEL])


def outcome(import_file: ImportFile) -> Outcome:
    """The counts of a finished or running import."""
    counts = import_file.counts
    rejected: dict[str, int] = counts.get("rejected", {})
    return Outcome(
        rows=counts.get("rows", 0),
        identified=counts.get("identified_rows", 0),
        anonymous=counts.get("anonymous_rows", 0),
        refunds=counts.get("refund_rows", 0),
        rejected=sum(rejected.values()),
        reasons=reasons(rejected),
    )


def reasons(rejected: dict[str, int]) -> list[tuple[str, int]]:
    """Reasons in words with their numbers of rows, most frequent first."""
    ordered = sorted(rejected.items(), key=lambda item: -item[1])
    return [(str(TITLES.get(code, code)), number) for code, number in ordered]


def rejected_rows(import_file: ImportFile, *, limit: int) -> list[Rejected]:
    """The first rejected rows of a finished import."""
    rows = import_file.rejected.order_by("row_no")[:limit]
    return [Rejected(row.row_no, row.column, in_words(row, import_file.header)) for row in rows]


def dry_run_errors(import_file: ImportFile) -> list[Rejected]:
    """The first errors that the dry run found."""
    return [
        Rejected(
            found["row"], found["column"], sentence(code=found["code"], column=found["column"], value=found["value"])
        )
        for found in import_file.dry_run.get("errors", [])
    ]


def in_words(row: RejectedRow, header: Sequence[str]) -> str:
    """The reason in the active language, with the cell that it is about."""
    if row.code not in SENTENCES:
        return row.reason
    own = [name for name in header if name not in FIX_COLUMNS] if set(FIX_COLUMNS) <= set(header) else list(header)
    place = own.index(row.column) if row.column in own else None
    value = row.raw[place] if place is not None and place < len(row.raw) else ""
    return sentence(code=row.code, column=row.column, value=str(value))


def rejects_header(import_file: ImportFile) -> list[str]:
    own = [name for name in import_file.header if name not in FIX_COLUMNS]
    return [*own, *FIX_COLUMNS]


def rejects_rows(import_file: ImportFile) -> Iterator[list[object]]:
    """The rejected rows as they were, with row number, column, reason and import behind: ready to be corrected and
    uploaded alone."""
    own = [name for name in import_file.header if name not in FIX_COLUMNS]
    for row in import_file.rejected.order_by("row_no").iterator(chunk_size=EXPORTED):
        cells = [*row.raw[: len(own)], *[""] * (len(own) - len(row.raw))]
        yield [*cells, str(row.row_no), row.column, in_words(row, import_file.header), str(import_file.pk)]


def imports() -> QuerySet[ImportFile]:
    """Imports, newest first, with the job that shows their progress."""
    started = ImportFile.objects.exclude(state=ImportFile.State.RECEIVED, job=None, layout="")
    return started.select_related("shop", "job").annotate(rejected_count=Count("rejected")).order_by("-pk")


def layout_title(import_file: ImportFile) -> str:
    layout = layout_named(import_file.layout)
    return str(layout.title) if layout else _("not assigned yet")
