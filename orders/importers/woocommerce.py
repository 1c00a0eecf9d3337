"""WooCommerce: the Analytics table, the Advanced Order Export plugin, and SkyVerge's Order/Customer CSV Export."""

from collections.abc import Sequence
from typing import ClassVar

import polars as pl
from django.utils.translation import gettext_lazy as _

from customers.models import Platform
from orders.importers import cells
from orders.importers.layout import ROW, STAGED, Context, first_problem
from orders.importers.platform import PlatformLayout, told
from orders.importers.reader import Checks, Reader

WORDS = {"Draft": "created", "Checkout Draft": "created", "Printed": "paid"}


class AnalyticsReader(Reader):
    def currency_checks(self) -> Checks:
        present = {*self.others, *self.columns.values()}
        signed = [name for name in ("N. Revenue (formatted)", "N. Revenue", "Net Sales") if name in present]
        return [(cells.is_foreign(pl.col(name), self.context.currency), "currency", name) for name in signed]


class WooAnalytics(PlatformLayout):
    """Analytics > Orders. It tells net sales, without tax and delivery, and no key of the buyer."""

    name = "woocommerce-analytics"
    title = _("WooCommerce Analytics")
    platforms = (Platform.WOOCOMMERCE,)
    needs = frozenset({"Date", "Order #", "Status", "Product(s)", "Items sold"})
    grain = "order"
    words = WORDS
    reader = AnalyticsReader
    columns: ClassVar = {
        "order_no": ["Order #"],
        "placed_at": ["Date"],
        "status": ["Status"],
        "order_total": ["Net Sales", "N. Revenue (formatted)", "N. Revenue"],
    }

    def adjusted(self, read: Reader) -> dict[str, pl.Expr]:
        """A line where there is one product alone: of several nobody says which cost how much."""
        products = pl.col("Product(s)")
        parts = products.str.extract_groups(r"^([0-9]{1,6}) ?× (.+)$")
        quantity = parts.struct.field("1").cast(pl.Int32, strict=False)
        is_line = ((quantity > 0) & ~products.str.contains(r", [0-9]+ ?× ")).fill_null(False)
        return {
            "kind": pl.when(is_line).then(pl.lit("l")).otherwise(pl.lit("o")),
            "quantity": pl.when(is_line).then(quantity),
            "product_name": pl.when(is_line).then(parts.struct.field("2").str.slice(0, 300)),
            "amount": pl.when(is_line).then(read.number("order_total")),
        }


class WooAdvanced(PlatformLayout):
    """Advanced Order Export: one row per item, the order's cells repeated, columns as the shop chose them."""

    name = "woocommerce-advanced"
    title = _("WooCommerce Advanced Order Export")
    platforms = (Platform.WOOCOMMERCE,)
    needs = frozenset({"Order Number", "Order Status", "Order Date", "Quantity", "Item Cost"})
    grain = "line"
    words = WORDS
    columns: ClassVar = {
        "order_no": ["Order Number"],
        "placed_at": ["Order Date"],
        "paid_at": ["Paid Date"],
        "status": ["Order Status"],
        "currency": ["Currency"],
        "order_total": ["Order Total Amount"],
        "refund_amount": ["Order Refund Amount"],
        "email": ["Email (Billing)"],
        "phone": ["Phone (Billing)"],
        "buyer_name": ["__name"],
        "address": ["Address 1&2 (Billing)"],
        "city": ["City (Billing)"],
        "country": ["Country Code (Billing)"],
        "sku": ["SKU"],
        "product_name": ["Name"],
        "quantity": ["Quantity"],
        "unit_price": ["Item Cost"],
        "line_amount": ["Order Line Total", "Order Line (w/o tax)"],
    }

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(__name=_full_name(frame, "First Name (Billing)", "Last Name (Billing)"))


class SkyVerge(PlatformLayout):
    """One row per order with all its lines in one cell: each becomes a row, the first with what the order is."""

    name = "woocommerce-skyverge"
    title = _("WooCommerce Order/Customer CSV Export")
    platforms = (Platform.WOOCOMMERCE,)
    needs = frozenset({"order_id", "status", "order_total", "line_items"})
    grain = "order"
    words = WORDS
    options: ClassVar = {"dates": "mdy"}
    columns: ClassVar = {
        "order_no": ["order_number_formatted", "order_number", "order_id"],
        "placed_at": ["date", "order_date"],
        "paid_at": ["paid_date", "date_paid"],
        "status": ["status"],
        "currency": ["order_currency"],
        "order_total": ["order_total"],
        "refund_amount": ["refunded_total"],
        "buyer_id": ["customer_user", "customer_id"],
        "buyer_name": ["__name"],
        "email": ["billing_email"],
        "phone": ["billing_phone"],
        "city": ["billing_city"],
        "country": ["billing_country"],
        "line_items": ["line_items"],
    }

    def recognises(self, header: Sequence[str]) -> bool:
        return super().recognises(header) and bool({"date", "order_date"} & set(header))

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        numbers = [name for name in self.columns["order_no"] if name in frame.columns]
        # Whoever bought without an account is customer 0.
        accounts = [
            pl.when(cells.text(pl.col(name)) != "0").then(pl.col(name)).alias(name)
            for name in self.columns["buyer_id"]
            if name in frame.columns
        ]
        name = _full_name(frame, "billing_first_name", "billing_last_name")
        return frame.with_columns(told(frame, *numbers).alias(numbers[0]), *accounts, __name=name)

    def stage(self, frame: pl.DataFrame, context: Context) -> pl.DataFrame:
        lines = _lines(frame)
        heads = super().stage(frame, context).drop(set(lines.columns) - {"row_no", "problem", "problem_column"})
        whole = heads.join(lines, on="row_no", how="left", maintain_order="left_right", suffix="_of_line")
        is_first = pl.col("item").fill_null(1) == 1
        lacking = {
            name: pl.when(is_first).then(name) for name in heads.columns if name not in ("row_no", "kind", "order_no")
        }
        found = {name: pl.coalesce(name, f"{name}_of_line") for name in ("problem", "problem_column")}
        return whole.with_columns(**lacking).select(
            *[name for name in STAGED if name != "kind"], kind=pl.col("kind").fill_null("o"), **found
        )


MOST_LINES = 500  # of one order

# A backslash keeps the next character from being a separator; these stand in for it meanwhile.
_KEPT = {r"\\": "\x03", r"\|": "\x01", r"\;": "\x02", r"\,": ",", r"\=": "=", r"\:": ":"}


def _lines(frame: pl.DataFrame) -> pl.DataFrame:
    """The lines that stand in the cells of `line_items`, in staged columns; none for an empty cell."""
    cell = cells.text(pl.col("line_items"))
    for escaped, stand_in in _KEPT.items():
        cell = cell.str.replace_all(escaped, stand_in, literal=True)
    # A name that holds a ; is not cut in two: only before id or name a line begins.
    parted = cell.str.replace_all(r";\s*(id|name|product_id):", "\x04$1:").str.split("\x04")
    parted = pl.when(parted.list.len() <= MOST_LINES).then(parted)
    rows = frame.select(pl.col(ROW).alias("row_no"), __line=parted, __is_told=cell.is_not_null())
    rows = rows.filter("__is_told").explode("__line")
    read = rows.with_columns(
        item=pl.int_range(1, pl.len() + 1, dtype=pl.Int16).over("row_no"),
        kind=pl.lit("l"),
        sku=_part("sku", "product_id").str.slice(0, 80),
        product_name=_part("name").str.slice(0, 300),
        quantity=cells.whole(cells.number(_part("quantity"))),
        amount=cells.number(_part("total", "subtotal")),
    )
    return read.with_columns(**first_problem(LINE_CHECKS)).drop("__line", "__is_told")


LINE_CHECKS: Checks = [
    (pl.col("__line").is_null(), "too_many_lines", "line_items"),
    (pl.col("quantity").is_null(), "bad_quantity", "line_items"),
    (pl.col("quantity") <= 0, "quantity_not_positive", "line_items"),
    (pl.col("amount").is_null(), "bad_amount", "line_items"),
    (cells.value(pl.col("amount")) < 0, "negative_amount", "line_items"),
]


def _part(*names: str) -> pl.Expr:
    """The first of these parts of a line that says something: `id:368|name:Tea|sku:|quantity:1|total:5.00`."""
    parts = [pl.col("__line").str.extract(rf"(?:^|\|){name}:([^|]*)") for name in names]
    return pl.coalesce(*[cells.text(_restored(part)) for part in parts])


def _restored(part: pl.Expr) -> pl.Expr:
    for stand_in, character in {"\x01": "|", "\x02": ";", "\x03": "\\"}.items():
        part = part.str.replace_all(stand_in, character, literal=True)
    return part


def _full_name(frame: pl.DataFrame, *columns: str) -> pl.Expr:
    return cells.joined(*[told(frame, name) for name in columns])
