"""The clean copy in blocks of whole rows, so that memory stays bounded and a killed import goes on where it was."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from django.utils.translation import gettext as _

from crm_suite.lib.errors import BadInput
from orders.importers.decoding import NEWLINE, QUOTE
from orders.importers.layout import RAGGED, ROW
from orders.importers.limits import LONGEST_CELL

BLOCK = 3 * 1024 * 1024  # bytes; some 15,000 rows


@dataclass(frozen=True)
class Block:
    """Some rows as text cells. `next_byte` is where the following block starts, `rows` how many lines this one has."""

    frame: pl.DataFrame
    rows: int
    next_byte: int


def blocks(path: Path, *, header: Sequence[str], delimiter: str, start: int, rows_before: int) -> Iterator[Block]:
    """Blocks from byte `start` on; `rows_before` rows precede it. Row numbers are lines of the file, the header is 1.

    Lines without any cell keep their number and are left out of the frame.
    """
    position, row = start, rows_before
    for data in _pieces(path, start):
        frame = _parse(data, header, delimiter)
        position += len(data)
        numbered = frame.with_columns(pl.int_range(row + 2, row + 2 + frame.height, dtype=pl.Int64).alias(ROW))
        filled = numbered.filter(pl.any_horizontal(pl.col(list(header)).is_not_null()))
        row += frame.height
        yield Block(filled, frame.height, position)


def _pieces(path: Path, start: int) -> Iterator[bytes]:
    """Bytes up to the last line end that is not inside quotation marks."""
    with path.open("rb") as file:
        file.seek(start)
        rest = b""
        while data := file.read(BLOCK):
            data = rest + data
            end = _end_of_rows(data)
            if end:
                yield data[:end]
            rest = data[end:]
            if len(rest) > BLOCK + LONGEST_CELL:
                raise BadInput(_("A row of the file is longer than 4 megabytes."), code="row_too_long")
        if rest:
            yield rest


def _end_of_rows(data: bytes) -> int:
    if b'"' not in data:
        return data.rfind(b"\n") + 1
    array = np.frombuffer(data, dtype=np.uint8)
    inside = np.cumsum(array == QUOTE, dtype=np.int64) & 1
    ends = np.flatnonzero((array == NEWLINE) & (inside == 0))
    return int(ends[-1]) + 1 if len(ends) else 0


def _parse(data: bytes, header: Sequence[str], delimiter: str) -> pl.DataFrame:
    schema = {name: pl.String() for name in header}
    try:
        frame = pl.read_csv(io.BytesIO(data), has_header=False, schema=schema, separator=delimiter, infer_schema=False)
    except pl.exceptions.PolarsError:
        return _parse_ragged(data, header, delimiter)
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(RAGGED))


def _parse_ragged(data: bytes, header: Sequence[str], delimiter: str) -> pl.DataFrame:
    """Row by row, where some row has too many or too few cells. Cells beyond the header go to RAGGED, as CSV."""
    width = len(header)
    rows: list[list[str | None]] = []
    try:
        for cells in csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter):
            beyond = cells[width:]
            padded = [cell or None for cell in cells[:width]] + [None] * (width - len(cells))
            rows.append([*padded, "\x1f".join(beyond) if any(cell.strip() for cell in beyond) else None])
    except csv.Error:
        raise BadInput(_("A cell of the file is longer than a megabyte."), code="cell_too_long") from None
    return pl.DataFrame(
        rows, schema=[*header, RAGGED], schema_overrides=dict.fromkeys([*header, RAGGED], pl.String), orient="row"
    )
