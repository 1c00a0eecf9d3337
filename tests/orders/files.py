"""Order files as people upload them, and what came of them."""

from collections.abc import Mapping
from typing import Any

from customers.models import Shop
from orders import services
from orders.models import ImportFile, Order

RETAIL = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
SIMPLE = {"order_no": "Order", "placed_at": "Placed", "paid_at": "Paid", "order_total": "Total", "buyer_id": "Buyer"}
WRITTEN_ROWS = (
    "identified_rows", "anonymous_rows", "refund_rows", "parked_rows", "customers_created", "customers_known",
)  # fmt: skip


def retail(*rows: str) -> bytes:
    return "\n".join([RETAIL, *rows, ""]).encode()


def simple(*rows: str) -> bytes:
    return "\n".join(["Order,Placed,Paid,Total,Buyer", *rows, ""]).encode()


def upload(shop: Shop, content: bytes, name: str = "orders.csv") -> ImportFile:
    return services.receive_file(shop=shop, name=name, chunks=[content])


def imported(
    shop: Shop,
    content: bytes,
    columns: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> ImportFile:
    """The file after its import, which must have succeeded."""
    import_file = upload(shop, content)
    if columns is not None:
        services.assign_columns(import_file=import_file, columns=columns, options=options)
    job = services.import_here(import_file=import_file)
    assert job.state == "done", job.message
    import_file.refresh_from_db()
    return import_file


def accounted(import_file: ImportFile) -> bool:
    """Whether every row of the file is in exactly one count."""
    counts = import_file.counts
    known = sum(counts.get(name, 0) for name in WRITTEN_ROWS)
    return bool(known + sum(counts["rejected"].values()) == counts["rows"])


def order(shop: Shop, number: str) -> Any:
    """The order of this number, untyped: a test says what it expects to find."""
    return Order.objects.get(shop=shop, external_id=number)


def story(shop: Shop) -> list[tuple[object, ...]]:
    """Everything that an import wrote for a shop, without our own numbers: two shops with equal stories are equal."""
    orders = Order.objects.filter(shop=shop).order_by("external_id")
    told: list[tuple[object, ...]] = []
    for one in orders.prefetch_related("lines__product"):
        buyer = one.customer.identities.order_by("kind", "value").first() if one.customer else None
        lines = [
            (line.line_no, line.sku, line.name, line.quantity, line.unit_price, line.amount, line.product_id is None)
            for line in one.lines.all()
        ]
        told.append(
            (one.external_id, buyer and buyer.value, one.state, one.placed_at, one.paid_at, one.paid_on,
             one.total_amount,
             one.paid_amount, one.refunded_amount, one.extra, lines)
        )  # fmt: skip
    refunds = shop.refunds.order_by("external_id").values_list(
        "external_id", "amount", "refunded_at", "order__external_id"
    )
    products = shop.products.order_by("sku").values_list("sku", "name")
    return [*told, *refunds, *products]
