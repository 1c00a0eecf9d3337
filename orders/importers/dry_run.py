"""What an import would do, before it does anything: counts, first errors, decoded rows."""

from collections import Counter
from collections.abc import Iterator

import polars as pl

from orders.importers import decoding, opening, reading, receiving
from orders.importers.layout import Layout
from orders.importers.sorting import context_of, sort_rows
from orders.models import ImportFile

LARGEST = 200_000  # rows looked at; a file that has more says so
SHOWN = 20
SAMPLE = 5
SUSPICIOUS = 0.3  # share of rejected rows that speaks of a wrong mapping
SUSPECT_ROWS = 1_000


def try_out(import_file: ImportFile, layout: Layout) -> dict[str, object]:
    """Counts of rows, orders and buyers, rejected rows by reason, the first errors and five rows as decoded.

    `is_whole` says whether all rows were looked at or the first 200,000; `is_suspicious` whether more than 30 % of
    the first thousand would be rejected.
    """
    tally = _Tally()
    for block in open_blocks(import_file):
        tally.add(block, layout, import_file)
        if tally.rows >= LARGEST:
            break
    is_whole = tally.bytes >= receiving.working_copy(import_file).stat().st_size
    return tally.summary() | {"is_whole": is_whole}


def open_blocks(import_file: ImportFile, *, start: int = 0, rows_before: int = 0) -> Iterator[reading.Block]:
    """The file's rows from a resume point on; the clean copy is made again where it is missing."""
    path = receiving.working_copy(import_file)
    if not path.exists():
        opening.clean_copy(receiving.stored(import_file), path, part=import_file.part, encoding=import_file.encoding)
    header, first = decoding.read_header(path, import_file.delimiter)
    return reading.blocks(
        path, header=header, delimiter=import_file.delimiter, start=start or first, rows_before=rows_before
    )


class _Tally:
    def __init__(self) -> None:
        self.rows = self.bytes = self.lines = self.refunds = self.anonymous = self.early_bad = 0
        self.details = self.customers = 0
        self.rejected: Counter[str] = Counter()
        self.errors: list[dict[str, object]] = []
        self.orders: set[str] = set()
        self.buyers: set[str] = set()
        self.sample: list[list[str]] = []
        self.first: str | None = None
        self.last: str | None = None

    def add(self, block: reading.Block, layout: Layout, import_file: ImportFile) -> None:
        result = sort_rows(layout, block.frame, context_of(import_file))
        if not self.sample:
            shown = block.frame.head(SAMPLE).select(import_file.header)
            self.sample = [[cell or "" for cell in row] for row in shown.iter_rows()]
        self.rows += block.frame.height
        self.bytes = block.next_byte
        self.rejected.update(rejection.code for rejection in result.rejections)
        self.early_bad += sum(rejection.row_no <= SUSPECT_ROWS + 1 for rejection in result.rejections)
        for found in result.rejections[: SHOWN - len(self.errors)]:
            self.errors.append(
                {"row": found.row_no, "column": found.column, "code": found.code, "value": found.value[:60]}
            )
        self._count(result.rows)

    def _count(self, rows: pl.DataFrame) -> None:
        kinds = Counter(dict(rows["kind"].value_counts().iter_rows()))
        lines = rows.filter(pl.col("kind").is_in(["l", "o"]))
        self.lines += lines.height
        self.details += kinds["d"]
        self.refunds += kinds["r"] + kinds["f"]
        self.customers += kinds["c"]
        self.anonymous += lines["buyer_key"].null_count()
        self.orders.update(rows.filter(pl.col("kind").is_in(["l", "o", "d"]))["order_no"].unique())
        self.buyers.update(rows.filter(pl.col("kind").is_in(["l", "o", "c"]))["buyer_key"].unique().drop_nulls())
        days = rows["placed_at"].drop_nulls()
        if len(days):
            first, last = str(days.min())[:10], str(days.max())[:10]
            self.first, self.last = min(self.first or first, first), max(self.last or last, last)

    def summary(self) -> dict[str, object]:
        return {
            "rows": self.rows,
            "lines": self.lines,
            "details": self.details,
            "customers": self.customers,
            "anonymous": self.anonymous,
            "refunds": self.refunds,
            "rejected": dict(self.rejected.most_common()),
            "rejected_total": self.rejected.total(),
            "errors": self.errors,
            "orders": len(self.orders),
            "buyers": len(self.buyers),
            "sample": self.sample,
            "first_day": self.first,
            "last_day": self.last,
            "is_suspicious": self.early_bad > SUSPICIOUS * min(self.rows, SUSPECT_ROWS),
        }
