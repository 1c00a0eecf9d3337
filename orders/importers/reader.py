"""Columns of a file as expressions of canonical columns: shared by assigned mappings and by the platforms' layouts."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import ClassVar

import polars as pl

from customers.normalforms import HIDDEN, normal_phone, written_email
from orders.importers import cells
from orders.importers.layout import ROW, STATE_RANK, Context
from orders.importers.synonyms import STATES, normal

AMOUNTS = ("order_total", "paid_amount", "line_amount", "unit_price")
NUMBERS = (*AMOUNTS, "refund_amount", "quantity")
MOMENTS = ("placed_at", "paid_at", "shipped_at", "delivered_at", "updated_at", "refunded_at")
#: One of them has to be there for an order to count as paid.
PAYMENT_FIELDS = {"status", "paid_at", "paid_amount"}
LINE_FIELDS = ("sku", "product_name", "category", "quantity")
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)

#: Written like this, a phone number or an address needs no more than a look: most are, and they are many.
PLAIN_MOBILE = r"^1[3-9][0-9]{9}$"
PLAIN_EMAIL = r"^[A-Za-z0-9_+-]{1,30}(?:\.[A-Za-z0-9_+-]{1,30})?@(?:[a-z0-9]{1,40}\.){1,3}[a-z]{2,20}$"

#: ="…", '… or a tab in front: the platform wrote the number as text, no spreadsheet has touched it.
GUARDED = r"^(?:=|'|\s*\t)"
MASKED_PHONE = r"^[+0-9][0-9 *＊-]*[*＊][0-9 *＊-]*$"

Checks = list[tuple[pl.Expr, str, str]]


class Reader:
    """Expressions of one file's columns, over a block that `prepare` has read. `context.columns`: field → header.

    `grain` says what a row is: "order", "line" (the order's cells repeated), "continued" (the order's cells on its
    first row only), or "detail" (a line of an order that another file brings).
    """

    numbers: ClassVar[tuple[str, ...]] = NUMBERS
    moments: ClassVar[tuple[str, ...]] = MOMENTS

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
        if "buyer_name" not in self.columns:
            # Without a name an address tells nobody's identity: it stays with the order, for where things are sent.
            self.columns.pop("address", None)
        self.comma = context.options.get("decimal") == ","
        self.dates = context.options.get("dates", "ymd")
        self.is_correction = context.options.get("corrected") == "1"
        self.zone = context.options.get("zone") or context.zone
        taken = set(self.columns.values())
        self.others = [name for name in available if name not in taken and not name.startswith("__")]
        self.signed: list[str] = []  # amounts of which some cell of the block names a currency

    # --- cells

    def prepare(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The block with every cell read once: texts in their own columns, numbers, times and normal forms beside."""
        written = [name for name, kind in frame.schema.items() if kind == pl.String]
        frame = frame.with_columns(__guarded=self.text("order_no").str.contains(GUARDED))
        frame = cells.texts_of(frame, written)
        self.others = [name for name in self.others if frame[name].null_count() < frame.height]
        frame = frame.with_columns([*self._numbers(frame), *self._moments(frame)])
        return frame.with_columns(**self._normal_forms(frame))

    def text(self, field: str) -> pl.Expr:
        return pl.col(self.columns[field]) if field in self.columns else pl.lit(None, dtype=pl.String)

    def number(self, field: str) -> pl.Expr:
        if field not in self.columns:
            return pl.lit(None, dtype=pl.String)
        if field in self.numbers:
            return pl.col(f"__number_{field}")
        return cells.number(self.text(field), decimal_comma=self.comma)

    def value(self, field: str) -> pl.Expr:
        """The number for comparing; never for adding up money."""
        if field in self.columns and field in self.numbers:
            return pl.col(f"__value_{field}")
        return cells.value(self.number(field))

    def moment(self, field: str) -> pl.Expr:
        if field not in self.columns:
            return pl.lit(None, dtype=pl.Datetime("us", "UTC"))
        if field in self.moments:
            return pl.col(f"__at_{field}")
        return cells.moment(self.text(field), zone=self.zone, order=self.dates)

    def _numbers(self, frame: pl.DataFrame) -> list[pl.Series]:
        fields = [field for field in self.numbers if field in self.columns]
        self.signed = [field for field in fields if frame[self.columns[field]].str.contains(cells.CURRENCY).any()]
        read = {field: cells.numbers(frame[self.columns[field]], decimal_comma=self.comma) for field in fields}
        values = [number.cast(pl.Float64, strict=False).alias(f"__value_{field}") for field, number in read.items()]
        return [*(number.alias(f"__number_{field}") for field, number in read.items()), *values]

    def _moments(self, frame: pl.DataFrame) -> list[pl.Series]:
        return [
            cells.moments(frame[self.columns[field]], zone=self.zone, order=self.dates).alias(f"__at_{field}")
            for field in self.moments
            if field in self.columns
        ]

    def _normal_forms(self, frame: pl.DataFrame) -> dict[str, pl.Series]:
        def told(field: str) -> pl.Series:
            absent = pl.Series([None] * frame.height, dtype=pl.String)
            return frame[self.columns[field]] if field in self.columns else absent

        region, phones, emails = self.context.region, told("phone"), told("email")
        plain = phones.str.contains(PLAIN_MOBILE) if region == "CN" else phones.is_null()
        mobiles = pl.select(pl.lit("+86") + phones).to_series()
        states = {normal(word): state for state, words in STATES.items() for word in words}
        states |= {normal(word): state for word, state in self.words.items()}
        return {
            "__phone": cells.mended(
                mobiles, phones, ~plain, lambda rest: by_text(rest, lambda text: _phone(text, region))
            ),
            "__email": cells.mended(
                emails, emails, ~emails.str.contains(PLAIN_EMAIL), lambda rest: by_text(rest, written_email)
            ),
            "__state": by_text(told("status"), lambda text: states.get(normal(text))),
            "__after_sale": by_text(told("after_sale"), lambda text: states.get(normal(text))),
        }

    # --- canonical columns

    def columns_of_rows(self) -> dict[str, pl.Expr]:
        """Everything a staged row has, `problem` apart."""
        return {**self.order(), **self.buyer(), **self.line()}

    def order(self) -> dict[str, pl.Expr]:
        state = self.state()
        placed_at = pl.coalesce(self.moment("placed_at"), self.moment("paid_at"))
        paid_at = self.paid_at(placed_at)
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

    def paid_at(self, placed_at: pl.Expr) -> pl.Expr:
        """When the payment came. Of an order that ended with nothing paid and nothing given back, none did."""
        if "paid_at" not in self.columns:
            # A state that follows payment says that it happened: then when placed.
            return pl.when(~self.state().is_in(["created", "closed"])).then(placed_at)
        if "paid_amount" not in self.columns:
            return self.moment("paid_at")
        nothing = (self.value("paid_amount") == 0) & (self.value("refund_amount").fill_null(0) == 0)
        never = self.state().is_in(["closed", "refunded"]) & nothing.fill_null(False)
        return pl.when(~never).then(self.moment("paid_at"))

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
        ended = self.state().is_in(["closed", "refunded"]) & paid_at.is_not_null()
        whole = pl.coalesce(self.number("paid_amount"), self.number("order_total"))
        is_untold = self.value("refund_amount").fill_null(0) == 0
        return pl.when(ended & is_untold).then(whole).otherwise(self.number("refund_amount"))

    def _extra(self) -> pl.Expr:
        """What no field tells, as the JSON object that is kept with the order; cells that say nothing are left out."""
        if not self.others:
            return pl.lit(None, dtype=pl.String)
        parts = [
            pl.when(pl.col(name).is_not_null()).then(
                pl.struct(pl.col(name).str.slice(0, 300)).struct.json_encode().str.slice(1).str.strip_suffix("}")
            )
            for name in self.others
        ]
        inside = pl.concat_str(parts, separator=",", ignore_nulls=True)
        return pl.when(inside != "").then(pl.concat_str(pl.lit("{"), inside, pl.lit("}")))

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
            "buyer_name": self.text("buyer_name").str.slice(0, 150),
            "phone": pl.col("__phone"),
            "email": pl.col("__email"),
            "city": self.text("city").str.slice(0, 80),
            "country": self.text("country").str.slice(0, 80),
            "loyalty_no": self.text("loyalty_no").str.slice(0, 60),
            "wechat_id": self.text("wechat_id").str.slice(0, 254),
            # Hidden in part by the platform: kept to propose duplicates, never a key, never written to.
            "masked_phone": pl.when(phone.str.contains(MASKED_PHONE)).then(phone.str.slice(0, 40)),
            "address": self.text("address").str.slice(0, 254),
        }

    def line(self) -> dict[str, pl.Expr]:
        if not self.has_lines:
            return {}
        quantity = cells.whole(self.value("quantity"))
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
        return [
            *self.number_checks(), *self.moment_checks(), *self.amount_checks(), *self.quantity_checks(),
            *self.currency_checks(),
        ]  # fmt: skip

    def number_checks(self) -> Checks:
        column = self.columns["order_no"]
        number = self.text("order_no")
        return [
            (number.is_null(), "no_order_number", column),
            (number == column, "header_again", column),
            (number.str.contains(cells.SHORTENED), "shortened_number", column),
            # Rare, but such numbers exist: whoever sends the rejected row again vouches for it.
            (
                number.str.contains(cells.ROUNDED) & ~pl.lit(self.is_correction) & ~pl.col("__guarded"),
                "rounded_number",
                column,
            ),
            (number.str.len_chars() > 80, "too_long", column),
        ]

    def moment_checks(self) -> Checks:
        found: Checks = []
        for field in (name for name in MOMENTS if name in self.columns):
            moment = self.moment(field)
            unlikely = (moment > self.context.latest) | (moment < EARLIEST)
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
            found.append((self.value(field) < 0, "negative_amount", self.columns[field]))
        wanted = ("line_amount", "unit_price") if self.has_lines else ("order_total", "paid_amount")
        either = pl.coalesce(*[self.text(field) for field in wanted])
        named = next((self.columns[field] for field in wanted if field in self.columns), None)
        if named is not None:
            found.append((either.is_null(), "no_amount", named))
        if "refund_amount" in self.columns and {"order_total", "paid_amount"} & set(self.columns):
            whole = pl.coalesce(self.value("paid_amount"), self.value("order_total"))
            excess = self.value("refund_amount") > whole + 0.005
            found.append((excess, "refund_too_large", self.columns["refund_amount"]))
        return found

    def quantity_checks(self) -> Checks:
        if not self.has_lines or "quantity" not in self.columns:
            return []
        quantity, column = cells.whole(self.value("quantity")), self.columns["quantity"]
        checks = [(quantity.is_null(), "bad_quantity", column), (quantity <= 0, "quantity_not_positive", column)]
        if "unit_price" in self.columns:
            whole = self.value("unit_price") * quantity
            checks.append((whole >= cells.LARGEST_AMOUNT, "too_much", self.columns["unit_price"]))
        return checks

    def currency_checks(self) -> Checks:
        if not self.context.currency:
            return []
        found: Checks = [
            (cells.is_foreign(self.text(field), self.context.currency), "currency", self.columns[field])
            for field in self.signed
        ]
        if "currency" in self.columns:
            is_other = self.text("currency").str.to_uppercase() != self.context.currency
            found.append((is_other, "currency", self.columns["currency"]))
        return found


@lru_cache(maxsize=1 << 16)
def _phone(text: str, region: str) -> str | None:
    """The same buyers come again in the next block, and a number from abroad takes its time."""
    return normal_phone(text, region)


def normalised(frame: pl.DataFrame, cell: pl.Expr, function: Callable[[str], str | None]) -> pl.Series:
    """`function` of each cell, called once per distinct text."""
    texts = frame.select(cell.alias("text"))["text"] if frame.height else pl.Series("text", [], dtype=pl.String)
    if len(texts) != frame.height:  # no such column: one null for all
        return pl.Series([None] * frame.height, dtype=pl.String)
    return by_text(texts, function)


def by_text(texts: pl.Series, function: Callable[[str], str | None]) -> pl.Series:
    """`function` of each text, called once per distinct one."""
    distinct = texts.unique().drop_nulls()
    if distinct.is_empty():
        return pl.Series(texts.name, [None] * len(texts), dtype=pl.String)
    forms = pl.Series([function(text) for text in distinct], dtype=pl.String)
    return texts.replace_strict(distinct, forms, default=None, return_dtype=pl.String)
