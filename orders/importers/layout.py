"""What every layout answers, and the canonical columns that it turns a file's columns into."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import polars as pl

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: Canonical columns of a staged row and their types in PostgreSQL. `kind`: l order line, o order without line,
#: d line of an order that another row or another file tells about, r refund that names no order, f refund of an order,
#: c customer, x rejected row that keeps its place in its order. `item` numbers the lines of a row that holds several
#: in one cell, from 1; else it is null. `tags` are parted by "\n". A row of kind c has the key of its customer as
#: `order_no` too, so that all kinds are taken out of the table by the same order.
STAGED: dict[str, str] = {
    "row_no": "bigint",
    "item": "smallint",
    "kind": "text",
    "order_no": 'text COLLATE "C"',
    "buyer_key": 'text COLLATE "C"',
    "buyer_original": "text",
    "buyer_name": "text",
    "phone": "text",
    "email": "text",
    "city": "text",
    "country": "text",
    "loyalty_no": "text",
    "wechat_id": "text",
    "masked_phone": "text",
    "address": "text",
    "birthday": "date",
    "tags": "text",
    "source": "text",
    "joined_at": "timestamptz",
    "placed_at": "timestamptz",
    "paid_at": "timestamptz",
    "shipped_at": "timestamptz",
    "delivered_at": "timestamptz",
    "source_updated_at": "timestamptz",
    "state": "smallint",
    "platform_state": "text",
    "sku": "text",
    "product_name": "text",
    "category": "text",
    "quantity": "integer",
    "unit_price": "numeric",
    "amount": "numeric",
    "total": "numeric",
    "paid": "numeric",
    "refund": "numeric",
    "refund_no": "text",
    "refunded_at": "timestamptz",
    "reason": "text",
    "extra": "text",
    "fix_of": "bigint",
    "fix_row": "bigint",
    "digest": "bigint",
}

#: Order states as staged numbers. Where the rows of an order differ the greatest wins: one delivered parcel makes
#: a delivered order, and only an order whose every row is closed is closed.
STATE_RANK = {
    "closed": 0, "refunded": 1, "created": 2, "refunding": 3, "paid": 4, "shipped": 5, "delivered": 6, "completed": 7,
}  # fmt: skip

#: Columns that a file of rejected rows carries behind its own, and that come back with it when it is corrected.
FIX_COLUMNS = ("row", "column", "reason", "import")

ROW = "__row_no"
RAGGED = "__ragged"


@dataclass(frozen=True)
class Context:
    """What a layout has to know beside the cells.

    `latest`: no order is dated later than this. `currency`: what the shop counts in, "" where any will do.
    """

    shop_code: str
    zone: str
    region: str
    latest: datetime
    currency: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


class Layout(Protocol):
    """One small file per platform layout: recognise, map, clean. The engine is shared."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> "StrOrPromise": ...

    @property
    def subject(self) -> str:
        """What its rows are about: "orders" or "customers"."""
        ...

    @property
    def options(self) -> Mapping[str, str]:
        """How its cells are written, where a person says nothing else: see `assign_columns`."""
        ...

    def recognises(self, header: Sequence[str]) -> bool:
        """Whether a file with these columns is of this layout. Columns may stand in any order, others may be added."""
        ...

    def stage(self, frame: pl.DataFrame, context: Context) -> pl.DataFrame:
        """The rows of `frame` (text cells by header, row number in ROW) as canonical columns.

        Two more columns say what is wrong with a row: `problem` (code of problems.py, null where nothing is) and
        `problem_column` (header of the cell). Row by row: knows nothing of the rows before and after. A row that
        holds several lines may answer with several, told apart by `item`.
        """
        ...


def staged(frame: pl.DataFrame, columns: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """`columns` evaluated over `frame`; canonical columns that are not given are null."""
    return frame.select(**{name: columns.get(name, pl.lit(None)) for name in [*STAGED, "problem", "problem_column"]})


def first_problem(checks: Sequence[tuple[pl.Expr, str, str]]) -> dict[str, pl.Expr]:
    """`problem` and `problem_column` of the first check (condition, code, column) that a row fails."""
    found = [pl.when(condition).then(pl.lit(place)) for place, (condition, _code, _column) in enumerate(checks)]
    place = pl.coalesce(*found, pl.lit(None, dtype=pl.Int32))
    codes = {number: code for number, (_condition, code, _column) in enumerate(checks)}
    columns = {number: column for number, (_condition, _code, column) in enumerate(checks)}
    return {
        "problem": place.replace_strict(codes, default=None, return_dtype=pl.String),
        "problem_column": place.replace_strict(columns, default=None, return_dtype=pl.String),
    }
