"""Columns of a file as expressions of canonical columns: shared by assigned mappings and by the platforms' layouts."""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from customers.normalforms import HIDDEN, normal_phone, written_email
from orders.importers import cells
from orders.importers.layout import ROW, STATE_RANK, Context
from orders.importers.synonyms import STATES, normal

AMOUNTS = ("order_total", "paid_amount", "line_amount", "unit_price")
MOMENTS = ("placed_at", "paid_at", "shipped_at", "delivered_at", "updated_at", "refunded_at")
#: One of them has to be there for an order to count as paid.
PAYMENT_FIELDS = {"status", "paid_at", "paid_amount"}
LINE_FIELDS = ("sku", "product_name", "category", "quantity")

Checks = list[tuple[pl.Expr, str, str]]


class Reader:
    """Expressions of one file's columns. `context.columns`: field → header.

    `grain` says what a row is: "order", "line" (the order's cells repeated), "continued" (the order's cells on its
    first row only), or "detail" (a line of an order that another file brings).
    """

    def __init__(
        self, context: Context, available: Sequence[str], *, grain: str = "", words: Mapping[str, str] | None = None
    ) -> None:
        self.context, self.words = context, words or {}
        self.columns = {name: column for name, column in context.columns.items() if column in available}
        has_amounts = bool({"line_amount", "unit_price"} & set(self.columns))
        self.grain = grain or ("line" if has_amounts else "order")
        self.has_lines = self.grain != "order"
        if not self.has_lines:
            # A line needs an amount; without one these words are kept with the order instead of being lost.
            self.columns = {name: column for name, column in self.columns.items() if name not in LINE_FIELDS}
        self.comma = context.options.get("decimal") == ","
        self.dates = context.options.get("dates", "ymd")
        self.is_correction = context.options.get("corrected") == "1"
        self.zone = context.options.get("zone") or context.zone
        taken = set(self.columns.values())
        self.others = [name for name in available if name not in taken and not name.startswith("__")]

    # --- cells

    def text(self, field: str) -> pl.Expr:
        return cells.text(pl.col(self.columns[field])) if field in self.columns else pl.lit(None, dtype=pl.String)

    def number(self, field: str) -> pl.Expr:
        if field not in self.columns:
            return pl.lit(None, dtype=pl.String)
        return cells.number(pl.col(self.columns[field]), decimal_comma=self.comma)

    def moment(self, field: str) -> pl.Expr:
        if field not in self.columns:
            return pl.lit(None, dtype=pl.Datetime("us", "UTC"))
        return cells.moment(pl.col(self.columns[field]), zone=self.zone, order=self.dates)

    def prepare(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Normal forms of phone and e-mail and the state, worked out once per distinct text of the block."""
        phones = normalised(frame, self.text("phone"), lambda text: normal_phone(text, self.context.region))
        emails = normalised(frame, self.text("email"), written_email)
        states = {normal(word): state for state, words in STATES.items() for word in words}
        states |= {normal(word): state for word, state in self.words.items()}
        found = normalised(frame, self.text("status"), lambda text: states.get(normal(text)))
        after = normalised(frame, self.text("after_sale"), lambda text: states.get(normal(text)))
        return frame.with_columns(__phone=phones, __email=emails, __state=found, __after_sale=after)

    # --- canonical columns

    def columns_of_rows(self) -> dict[str, pl.Expr]:
        """Everything a staged row has, `problem` apart."""
        return {**self.order(), **self.buyer(), **self.line()}

    def order(self) -> dict[str, pl.Expr]:
        state = self.state()
        was_paid = ~state.is_in(["created", "closed"])
        placed_at = pl.coalesce(self.moment("placed_at"), self.moment("paid_at"))
        # Without a column of payment times, a state that follows payment says that it happened: then when placed.
        paid_at = self.moment("paid_at") if "paid_at" in self.columns else pl.when(was_paid).then(placed_at)
        return {
            "row_no": pl.col(ROW),
            "kind": self.kind(),
            "order_no": self.text("order_no"),
            "placed_at": placed_at,
            "paid_at": paid_at,
            "shipped_at": self.moment("shipped_at"),
            "delivered_at": self.moment("delivered_at"),
            "source_updated_at": self.moment("updated_at"),
            "state": self._known_state(state),
            "platform_state": self.text("status").str.slice(0, 80),
            "total": self.number("order_total"),
            "paid": self.number("paid_amount"),
            "refund": self.refund(paid_at),
            "refunded_at": self.moment("refunded_at"),
            "extra": self._extra(),
        }

    def kind(self) -> pl.Expr:
        if self.grain == "detail":
            return pl.lit("d")
        if self.grain == "continued":
            return pl.when(self.is_head()).then(pl.lit("l")).otherwise(pl.lit("d"))
        return pl.lit("l" if self.has_lines else "o")

    def is_head(self) -> pl.Expr:
        """Whether a row tells about the order itself and not only about one of its lines."""
        if self.grain == "detail":
            return pl.lit(False)
        return pl.coalesce(self.text("placed_at"), self.text("paid_at")).is_not_null()

    def state(self) -> pl.Expr:
        """The state in our words. A refund that was carried through outweighs the order's own word."""
        paid = pl.when(self.moment("paid_at").is_not_null()).then(pl.lit("paid")).otherwise(pl.lit("created"))
        ended = pl.when(pl.col("__after_sale").is_in(["refunded", "refunding"])).then(pl.col("__after_sale"))
        return pl.coalesce(ended, pl.col("__state"), paid)

    def _known_state(self, state: pl.Expr) -> pl.Expr:
        if not PAYMENT_FIELDS & set(self.columns) or self.grain == "detail":
            return pl.lit(None, dtype=pl.Int16)
        return pl.when(self.is_head() if self.grain == "continued" else pl.lit(True)).then(
            state.replace_strict(STATE_RANK, return_dtype=pl.Int16)
        )

    def refund(self, paid_at: pl.Expr) -> pl.Expr:
        """What was given back. An order that was paid and then closed or refunded without a figure: all of it."""
        told = self.number("refund_amount")
        ended = self.state().is_in(["closed", "refunded"]) & paid_at.is_not_null()
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
            pl.lit("loyalty:") + self.text("loyalty_no"),
        )
        phone = self.text("phone")
        return {
            "buyer_key": key,
            "buyer_original": original.str.slice(0, 254),
            "buyer_name": self.text("buyer_name"),
            "phone": pl.col("__phone"),
            "email": pl.col("__email"),
            "city": self.text("city"),
            "country": self.text("country"),
            "loyalty_no": self.text("loyalty_no").str.slice(0, 60),
            "wechat_id": self.text("wechat_id").str.slice(0, 254),
            # Hidden in part by the platform: kept to propose duplicates, never a key, never written to.
            "masked_phone": pl.when(phone.str.contains(r"\d\*+\d")).then(phone.str.slice(0, 40)),
            "address": self.text("address").str.slice(0, 254),
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

    # --- what can be wrong

    def checks(self) -> Checks:
        return [*self.number_checks(), *self.moment_checks(), *self.amount_checks(), *self.quantity_checks()]

    def number_checks(self) -> Checks:
        column = self.columns["order_no"]
        number = self.text("order_no")
        return [
            (number.is_null(), "no_order_number", column),
            (cells.is_shortened_number(pl.col(column)), "shortened_number", column),
            # Rare, but such numbers exist: whoever sends the rejected row again vouches for it.
            (cells.is_rounded_number(pl.col(column)) & ~pl.lit(self.is_correction), "rounded_number", column),
            (number.str.len_chars() > 80, "too_long", column),
        ]

    def moment_checks(self) -> Checks:
        found: Checks = []
        for field in (name for name in MOMENTS if name in self.columns):
            moment = self.moment(field)
            unlikely = (moment > self.context.latest) | (moment.dt.year() < 1990)
            found.append((moment.is_null() & self.text(field).is_not_null(), "bad_date", self.columns[field]))
            found.append((unlikely, "unlikely_date", self.columns[field]))
        if self.grain in ("detail", "continued"):
            return found
        either = pl.coalesce(self.text("placed_at"), self.text("paid_at"))
        return [*found, (either.is_null(), "no_date", self.columns.get("placed_at") or self.columns["paid_at"])]

    def amount_checks(self) -> Checks:
        found: Checks = []
        for field in (name for name in (*AMOUNTS, "refund_amount") if name in self.columns):
            number = self.number(field)
            found.append((number.is_null() & self.text(field).is_not_null(), "bad_amount", self.columns[field]))
            found.append((cells.value(number) < 0, "negative_amount", self.columns[field]))
        wanted = ("line_amount", "unit_price") if self.has_lines else ("order_total", "paid_amount")
        either = pl.coalesce(*[self.text(field) for field in wanted])
        named = next((self.columns[field] for field in wanted if field in self.columns), None)
        if named is not None:
            found.append((either.is_null(), "no_amount", named))
        if "refund_amount" in self.columns and {"order_total", "paid_amount"} & set(self.columns):
            whole = cells.value(pl.coalesce(self.number("paid_amount"), self.number("order_total")))
            excess = cells.value(self.number("refund_amount")) > whole + 0.005
            found.append((excess, "refund_too_large", self.columns["refund_amount"]))
        return found

    def quantity_checks(self) -> Checks:
        if not self.has_lines or "quantity" not in self.columns:
            return []
        quantity, column = cells.whole(self.number("quantity")), self.columns["quantity"]
        checks = [(quantity.is_null(), "bad_quantity", column), (quantity <= 0, "quantity_not_positive", column)]
        if "unit_price" in self.columns:
            whole = cells.value(self.number("unit_price")) * quantity
            checks.append((whole >= cells.LARGEST_AMOUNT, "too_much", self.columns["unit_price"]))
        return checks


def normalised(frame: pl.DataFrame, cell: pl.Expr, function: Callable[[str], str | None]) -> pl.Series:
    """`function` of each cell, called once per distinct text."""
    texts = frame.select(cell.alias("text"))["text"] if frame.height else pl.Series("text", [], dtype=pl.String)
    if len(texts) != frame.height:  # no such column: one null for all
        return pl.Series([None] * frame.height, dtype=pl.String)
    forms = {text: function(text) for text in texts.unique().drop_nulls()}
    if not forms:
        return pl.Series([None] * frame.height, dtype=pl.String)
    return texts.replace_strict(forms, default=None, return_dtype=pl.String)
