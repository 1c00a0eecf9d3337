"""Any CSV whose columns a person has assigned: the mapping is made once in the wizard and used again."""

from collections.abc import Callable, Mapping, Sequence

import polars as pl
from django.utils.translation import gettext_lazy as _

from customers.normalforms import HIDDEN, normal_phone, written_email
from orders.importers import cells
from orders.importers.layout import ROW, STATE_RANK, Context, first_problem, staged
from orders.importers.synonyms import STATES, normal

#: Fields that a column may be assigned to → label. What is assigned to none is kept with the order.
FIELDS = {
    "order_no": _("Order number"),
    "placed_at": _("Placed at"),
    "paid_at": _("Paid at"),
    "status": _("Status"),
    "order_total": _("Order total"),
    "paid_amount": _("Amount paid, before refunds"),
    "refund_amount": _("Amount refunded"),
    "refunded_at": _("Refunded at"),
    "buyer_id": _("Buyer's ID or nick"),
    "buyer_name": _("Buyer's name"),
    "phone": _("Phone"),
    "email": _("E-mail"),
    "city": _("City"),
    "country": _("Country"),
    "sku": _("SKU"),
    "product_name": _("Product name"),
    "category": _("Product category"),
    "quantity": _("Quantity"),
    "unit_price": _("Unit price"),
    "line_amount": _("Line amount"),
    "shipped_at": _("Shipped at"),
    "delivered_at": _("Delivered at"),
    "updated_at": _("Changed on the platform at"),
}

AMOUNTS = ("order_total", "paid_amount", "line_amount", "unit_price")
MOMENTS = ("placed_at", "paid_at", "shipped_at", "delivered_at", "updated_at", "refunded_at")
#: One of them has to be assigned for an order to count as paid.
PAYMENT_FIELDS = {"status", "paid_at", "paid_amount"}
LINE_FIELDS = ("sku", "product_name", "category", "quantity")


class Mapped:
    name = "mapped"
    title = _("Columns assigned by hand")

    def recognises(self, header: Sequence[str]) -> bool:
        """Never by itself: somebody has to say which column is what."""
        return False

    def stage(self, frame: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Order rows, or one row per line where a line amount or a unit price is assigned."""
        read = _Reader(context, frame.columns)
        frame = read.contacts(frame)
        return staged(frame, {**read.order(), **read.buyer(), **read.line(), **first_problem(read.checks())})


def missing_fields(columns: Mapping[str, str]) -> list[str]:
    """What a mapping lacks to be usable, in words."""
    lacking = []
    if "order_no" not in columns:
        lacking.append(_("Order number"))
    if not {"placed_at", "paid_at"} & set(columns):
        lacking.append(_("Placed at or paid at"))
    if not set(AMOUNTS) & set(columns):
        lacking.append(_("An amount: order total, amount paid, line amount or unit price"))
    return [str(words) for words in lacking]


class _Reader:
    """Expressions of one file's columns."""

    def __init__(self, context: Context, available: Sequence[str]) -> None:
        self.context = context
        self.columns = {name: column for name, column in context.columns.items() if column in available}
        self.has_lines = bool({"line_amount", "unit_price"} & set(self.columns))
        if not self.has_lines:
            # A line needs an amount; without one these words are kept with the order instead of being lost.
            self.columns = {name: column for name, column in self.columns.items() if name not in LINE_FIELDS}
        self.comma = context.options.get("decimal") == ","
        self.dates = context.options.get("dates", "ymd")
        taken = set(self.columns.values())
        self.others = [name for name in available if name not in taken and not name.startswith("__")]

    def text(self, field: str) -> pl.Expr:
        return cells.text(pl.col(self.columns[field])) if field in self.columns else pl.lit(None, dtype=pl.String)

    def number(self, field: str) -> pl.Expr:
        if field not in self.columns:
            return pl.lit(None, dtype=pl.String)
        return cells.number(pl.col(self.columns[field]), decimal_comma=self.comma)

    def moment(self, field: str) -> pl.Expr:
        if field not in self.columns:
            return pl.lit(None, dtype=pl.Datetime("us", "UTC"))
        return cells.moment(pl.col(self.columns[field]), zone=self.context.zone, order=self.dates)

    def contacts(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Normal forms of phone and e-mail, worked out once per distinct text of the block."""
        phones = _normalised(frame, self.text("phone"), lambda text: normal_phone(text, self.context.region))
        emails = _normalised(frame, self.text("email"), written_email)
        states = {normal(word): state for state, words in STATES.items() for word in words}
        found = _normalised(frame, self.text("status"), lambda text: states.get(normal(text)))
        return frame.with_columns(__phone=phones, __email=emails, __state=found)

    def order(self) -> dict[str, pl.Expr]:
        paid_at = self.moment("paid_at")
        state = pl.col("__state").fill_null(
            pl.when(paid_at.is_not_null()).then(pl.lit("paid")).otherwise(pl.lit("created"))
        )
        was_paid = ~state.is_in(["created", "closed"])
        placed_at = pl.coalesce(self.moment("placed_at"), paid_at)
        # Without a column of payment times, a state that follows payment says that it happened: then when placed.
        told = paid_at if "paid_at" in self.columns else pl.when(was_paid).then(placed_at)
        return {
            "row_no": pl.col(ROW),
            "kind": pl.lit("l" if self.has_lines else "o"),
            "order_no": self.text("order_no"),
            "placed_at": placed_at,
            "paid_at": told,
            "shipped_at": self.moment("shipped_at"),
            "delivered_at": self.moment("delivered_at"),
            "source_updated_at": self.moment("updated_at"),
            "state": self._known_state(state),
            "platform_state": self.text("status").str.slice(0, 80),
            "total": self.number("order_total"),
            "paid": self.number("paid_amount"),
            "refund": self._refund(told),
            "refunded_at": self.moment("refunded_at"),
            "extra": self._extra(),
        }

    def _known_state(self, state: pl.Expr) -> pl.Expr:
        if not PAYMENT_FIELDS & set(self.columns):
            return pl.lit(None, dtype=pl.Int16)
        return state.replace_strict(STATE_RANK, return_dtype=pl.Int16)

    def _refund(self, paid_at: pl.Expr) -> pl.Expr:
        """What was given back. An order that was paid and then closed or refunded without a figure: all of it."""
        told = self.number("refund_amount")
        ended = pl.col("__state").is_in(["closed", "refunded"]) & paid_at.is_not_null()
        whole = pl.coalesce(self.number("paid_amount"), self.number("order_total"))
        return pl.when(ended & (cells.value(told).fill_null(0) == 0)).then(whole).otherwise(told)

    def _extra(self) -> pl.Expr:
        if not self.others:
            return pl.lit(None, dtype=pl.String)
        kept = [cells.text(pl.col(name)).str.slice(0, 300).alias(name) for name in self.others]
        return pl.struct(kept).struct.json_encode()

    def buyer(self) -> dict[str, pl.Expr]:
        original = pl.coalesce(self.text("buyer_id"), self.text("phone"), self.text("email"))
        buyer_id = self.text("buyer_id")
        key = pl.coalesce(
            pl.lit("platform:") + pl.when(~buyer_id.str.contains(HIDDEN)).then(buyer_id),
            pl.lit("phone:") + pl.col("__phone"),
            pl.lit("email:") + pl.col("__email").str.to_lowercase(),
        )
        return {
            "buyer_key": key,
            "buyer_original": original.str.slice(0, 254),
            "buyer_name": self.text("buyer_name"),
            "phone": pl.col("__phone"),
            "email": pl.col("__email"),
            "city": self.text("city"),
            "country": self.text("country"),
        }

    def line(self) -> dict[str, pl.Expr]:
        if not self.has_lines:
            return {}
        quantity = cells.whole(self.number("quantity"))
        return {
            "sku": self.text("sku").str.slice(0, 80),
            "product_name": self.text("product_name").str.slice(0, 300),
            "category": self.text("category").str.slice(0, 120),
            "quantity": quantity if "quantity" in self.columns else pl.lit(1),
            "unit_price": self.number("unit_price"),
            "amount": self.number("line_amount"),
        }

    def checks(self) -> list[tuple[pl.Expr, str, str]]:
        return [*self._order_number(), *self._moments(), *self._amounts(), *self._quantity()]

    def _order_number(self) -> list[tuple[pl.Expr, str, str]]:
        column = self.columns["order_no"]
        number = self.text("order_no")
        return [
            (number.is_null(), "no_order_number", column),
            (cells.is_shortened_number(pl.col(column)), "shortened_number", column),
            (number.str.len_chars() > 80, "too_long", column),
        ]

    def _moments(self) -> list[tuple[pl.Expr, str, str]]:
        found = []
        for field in (name for name in MOMENTS if name in self.columns):
            moment = self.moment(field)
            unlikely = (moment > self.context.latest) | (moment.dt.year() < 1990)
            found.append((moment.is_null() & self.text(field).is_not_null(), "bad_date", self.columns[field]))
            found.append((unlikely, "unlikely_date", self.columns[field]))
        either = pl.coalesce(self.text("placed_at"), self.text("paid_at"))
        return [*found, (either.is_null(), "no_date", self.columns.get("placed_at") or self.columns["paid_at"])]

    def _amounts(self) -> list[tuple[pl.Expr, str, str]]:
        found = []
        for field in (name for name in (*AMOUNTS, "refund_amount") if name in self.columns):
            number = self.number(field)
            found.append((number.is_null() & self.text(field).is_not_null(), "bad_amount", self.columns[field]))
            found.append((cells.value(number) < 0, "negative_amount", self.columns[field]))
        if self.has_lines:
            either = pl.coalesce(self.text("line_amount"), self.text("unit_price"))
            found.append((either.is_null(), "no_amount", self.columns.get("line_amount") or self.columns["unit_price"]))
        else:
            either = pl.coalesce(self.text("order_total"), self.text("paid_amount"))
            found.append(
                (either.is_null(), "no_amount", self.columns.get("order_total") or self.columns["paid_amount"])
            )
        if "refund_amount" in self.columns and {"order_total", "paid_amount"} & set(self.columns):
            whole = cells.value(pl.coalesce(self.number("paid_amount"), self.number("order_total")))
            excess = cells.value(self.number("refund_amount")) > whole + 0.005
            found.append((excess, "refund_too_large", self.columns["refund_amount"]))
        return found

    def _quantity(self) -> list[tuple[pl.Expr, str, str]]:
        if not self.has_lines or "quantity" not in self.columns:
            return []
        quantity, column = cells.whole(self.number("quantity")), self.columns["quantity"]
        checks = [(quantity.is_null(), "bad_quantity", column), (quantity <= 0, "quantity_not_positive", column)]
        if "unit_price" in self.columns:
            whole = cells.value(self.number("unit_price")) * quantity
            checks.append((whole >= cells.LARGEST_AMOUNT, "too_much", self.columns["unit_price"]))
        return checks


def _normalised(frame: pl.DataFrame, cell: pl.Expr, function: Callable[[str], str | None]) -> pl.Series:
    """`function` of each cell, called once per distinct text."""
    texts = frame.select(cell.alias("text"))["text"] if frame.height else pl.Series("text", [], dtype=pl.String)
    if len(texts) != frame.height:  # no such column: one null for all
        return pl.Series([None] * frame.height, dtype=pl.String)
    forms = {text: function(text) for text in texts.unique().drop_nulls()}
    if not forms:
        return pl.Series([None] * frame.height, dtype=pl.String)
    return texts.replace_strict(forms, default=None, return_dtype=pl.String)
