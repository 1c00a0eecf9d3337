"""Questions about orders and imports."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.jobs.models import Job
from customers.books import Book
from customers.models import Platform
from orders.importers import layout_named, opening, receiving
from orders.importers.layout import FIX_COLUMNS
from orders.importers.problems import SENTENCES, TITLES, sentence
from orders.margins import Margin, margin_of
from orders.models import ImportFile, Order, OrderLine, ParkedRow, Refund, RejectedRow

SEARCHED = 6
ON_PANEL = 10
SHOWN = 20
WAITED_LONG = timedelta(days=7)
EXPORTED = 2_000  # orders read at once


@dataclass(frozen=True)
class Rejected:
    """A rejected row in the words of the active language."""

    row_no: int
    column: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What became of the rows of an import: the parts add up to `rows`.

    Of an order file `identified` + `anonymous` + `refunds` + `parked` + `rejected`, of a customer file
    `customers_created` + `customers_known` + `rejected`.
    """

    rows: int
    identified: int
    anonymous: int
    refunds: int
    parked: int
    customers_created: int
    customers_known: int
    rejected: int
    reasons: list[tuple[str, int]]

    @property
    def imported(self) -> int:
        return self.identified + self.anonymous


@dataclass(frozen=True)
class Waiting:
    """Rows of an import that still wait for their order: how many, how many for over 7 days, and the oldest."""

    total: int
    old: int
    rows: list[ParkedRow]


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


def margin(order: Order, lines: Sequence[OrderLine]) -> Margin | None:
    """What is left of the order's net amount, in the shop's currency; None while it is no paid order."""
    if order.paid_on is None or not (order.refunded_amount < order.paid_amount or order.paid_amount == 0):
        return None
    told = [(line.quantity, line.amount, line.product.cost if line.product else None) for line in lines]
    return margin_of(told, order.net_amount)


def find_orders(text: str) -> list[Order]:
    """Up to six orders whose number begins with `text`: the number itself first, then the newest.

    Of many that begin so, the six with the smallest numbers are taken.
    """
    if len(text) < 2:
        return []
    numbered = Order.objects.filter(external_id__startswith=text).order_by("external_id", "shop_id")
    ids = list(numbered.values_list("pk", flat=True)[:SEARCHED])
    orders = Order.objects.filter(pk__in=ids).select_related("shop", "customer").order_by("-placed_at", "-pk")
    return sorted(orders, key=lambda order: order.external_id != text)[:SEARCHED]


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
        parked=counts.get("parked_rows", 0),
        customers_created=counts.get("customers_created", 0),
        customers_known=counts.get("customers_known", 0),
        rejected=sum(rejected.values()),
        reasons=reasons(rejected),
    )


def waiting_rows(import_file: ImportFile) -> Waiting:
    """Lines and refunds whose order has not come, longest waiting first, twenty of them."""
    parked = import_file.parked.order_by("id")
    since = timezone.now() - WAITED_LONG
    return Waiting(parked.count(), parked.filter(parked_at__lt=since).count(), list(parked[:SHOWN]))


def undo_job(import_file: ImportFile) -> Job | None:
    """The job that is taking the import back at the moment, or that failed to."""
    number = import_file.undone.get("job")
    return Job.objects.exclude(state=Job.State.DONE).filter(pk=number).first() if number else None


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


def imports(*, shop: str = "", state: str = "") -> QuerySet[ImportFile]:
    """Imports, newest first, with the job that shows their progress; of one shop (its code) or in one state."""
    found = ImportFile.objects.select_related("shop", "job").order_by("-pk")
    found = found.filter(shop__code=shop) if shop else found
    return found.filter(state=state) if state else found


def file_parts(import_file: ImportFile) -> list[str]:
    """The tables of an uploaded workbook or archive to choose from; none where there is only one."""
    return opening.parts(receiving.stored(import_file), receiving.working_copy(import_file).parent)


def file_readings(import_file: ImportFile) -> dict[str, str]:
    """Encoding → how the beginning of the uploaded text would read, for every encoding that it can be of."""
    folder = receiving.working_copy(import_file).parent
    return opening.readings(receiving.stored(import_file), folder, part=import_file.part)


def layout_title(import_file: ImportFile) -> str:
    layout = layout_named(import_file.layout)
    return str(layout.title) if layout else _("not assigned yet")


def other_platforms(import_file: ImportFile) -> list[str]:
    """The platforms whose export this is, where the shop stands on none of them; else nothing."""
    platforms: Sequence[Platform] = getattr(layout_named(import_file.layout), "platforms", ())
    here = import_file.shop.platform
    return [] if here in platforms else [str(platform.label) for platform in platforms]


def time_zone(import_file: ImportFile) -> str:
    """The zone of times without an offset: the layout's own where its platform always writes one, else the shop's."""
    told: Mapping[str, str] = getattr(layout_named(import_file.layout), "options", {})
    return told.get("zone") or import_file.shop.timezone
