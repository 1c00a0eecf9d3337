"""A block's rows, sorted into what goes on and what is rejected with a reason."""

from dataclasses import dataclass, replace
from datetime import timedelta

import polars as pl
from babel.core import get_global
from django.utils import timezone, translation

from customers.models import Shop
from orders.importers.layout import FIX_COLUMNS, RAGGED, ROW, STAGED, Context, Layout
from orders.importers.problems import sentence
from orders.models import ImportFile


@dataclass(frozen=True)
class Rejection:
    """A row that cannot go on. `raw` are its cells in the file's order, `reason` is English."""

    row_no: int
    column: str
    code: str
    value: str
    reason: str
    raw: list[str]


@dataclass(frozen=True)
class Sorted:
    """`rows` have the columns of STAGED and hold the places of rejected lines too (kind x)."""

    rows: pl.DataFrame
    rejections: list[Rejection]


def context_of(import_file: ImportFile) -> Context:
    shop = import_file.shop
    return Context(
        shop_code=shop.code,
        zone=shop.timezone,
        region=region_of(shop),
        latest=timezone.now() + timedelta(days=2),
        currency=shop.currency,
        columns=import_file.columns,
        options=import_file.options,
    )


def region_of(shop: Shop) -> str:
    """Where phone numbers without country code belong: the country of the shop's time zone (CN, GB …)."""
    return str(get_global("zone_territories").get(shop.timezone, "CN"))


def sort_rows(layout: Layout, frame: pl.DataFrame, context: Context) -> Sorted:
    """Ask the layout about a block's rows."""
    cells = frame.drop([RAGGED, *(FIX_COLUMNS if is_correction(frame.columns) else ())])
    if is_correction(frame.columns):
        context = replace(context, options={**context.options, "corrected": "1"})
    judged = layout.stage(cells, context)
    if judged.height != frame.height:
        frame, judged = _line_by_line(frame, judged)
    judged = judged.with_columns(_corrects(frame))
    ragged = frame[RAGGED].is_not_null()
    judged = judged.with_columns(problem=pl.when(ragged).then(pl.lit("ragged")).otherwise(pl.col("problem")))
    is_bad = judged["problem"].is_not_null()
    raw_of_refunds = _raw_json(frame, judged)
    rows = judged.with_columns(extra=pl.coalesce(raw_of_refunds, "extra")).filter(~is_bad)
    rejections = _rejections(frame.filter(is_bad), judged.filter(is_bad))
    return Sorted(
        pl.concat([rows.select(list(STAGED)), _places(judged.filter(is_bad))], how="diagonal_relaxed"), rejections
    )


def _line_by_line(frame: pl.DataFrame, judged: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Where rows hold several lines: the row once for each of them. One bad line rejects its row, once."""
    bad = judged.filter(pl.col("problem").is_not_null()).unique("row_no", keep="first", maintain_order=True)
    good = judged.join(bad, on="row_no", how="anti")
    judged = pl.concat([good, bad]).sort("row_no", "item")
    frame = judged.select(pl.col("row_no").alias(ROW)).join(frame, on=ROW, how="left", maintain_order="left")
    return frame, judged


def is_correction(header: list[str]) -> bool:
    """Whether a file is one of our lists of rejected rows, corrected."""
    return set(FIX_COLUMNS) <= set(header)


def _corrects(frame: pl.DataFrame) -> list[pl.Expr]:
    if not is_correction(frame.columns):
        return [pl.lit(None, dtype=pl.Int64).alias("fix_of"), pl.lit(None, dtype=pl.Int64).alias("fix_row")]
    numbers = frame.select(pl.col("import", "row").str.strip_chars().cast(pl.Int64, strict=False).fill_null(0))
    # A row that holds all lines of its order needs no place that was kept free.
    is_line = pl.col("item").is_null()
    return [
        pl.when(is_line).then(pl.lit(numbers["import"])).alias("fix_of"),
        pl.when(is_line).then(pl.lit(numbers["row"])).alias("fix_row"),
    ]


def _raw_json(frame: pl.DataFrame, judged: pl.DataFrame) -> pl.Series:
    """The cells of refund rows: these may still be rejected when all rows of their refund are known."""
    names = _file_columns(frame)
    is_refund = judged["kind"].is_in(["r", "f"])
    if not is_refund.any():
        return pl.Series("raw", [None] * frame.height, dtype=pl.String)
    cells = pl.concat_list([pl.col(name).fill_null("") for name in names])
    packed = frame.select(pl.when(is_refund).then(pl.struct(cells.alias("raw")).struct.json_encode()))
    return packed.to_series().str.strip_prefix('{"raw":').str.strip_suffix("}").alias("raw")


def _file_columns(frame: pl.DataFrame) -> list[str]:
    hidden = {ROW, RAGGED, *(FIX_COLUMNS if is_correction(frame.columns) else ())}
    return [name for name in frame.columns if name not in hidden]


def _rejections(frame: pl.DataFrame, judged: pl.DataFrame) -> list[Rejection]:
    names = _file_columns(frame)
    place = {name: number for number, name in enumerate(names)}
    columns = frame.select(ROW, RAGGED, *names).iter_rows()
    verdicts = judged.select("problem", "problem_column").iter_rows()
    found = []
    with translation.override("en"):
        for (row_no, beyond, *cells), (code, column) in zip(columns, verdicts, strict=True):
            value = (cells[place[column]] or "") if column in place else ""
            reason = sentence(code=code, column=column or "", value=value)[:300]
            raw = [cell or "" for cell in cells] + (beyond.split("\x1f") if beyond else [])
            found.append(Rejection(row_no, column or "", code, value, reason, raw))
    return found


def _places(bad: pl.DataFrame) -> pl.DataFrame:
    """Rejected lines whose order is known keep a place in it, for the day they come back corrected."""
    fits = pl.col("order_no").str.len_chars().is_between(1, 80) & pl.col("kind").is_in(["l", "d", "r"])
    kept = bad.filter(fits & pl.col("item").is_null() & (pl.col("problem") != "ragged"))
    return kept.select("row_no", pl.lit("x").alias("kind"), "order_no", "fix_of", "fix_row")
