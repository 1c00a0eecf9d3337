"""Lists as CSV files: streamed, readable in a spreadsheet, and unable to run a formula there."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

BOM = "\ufeff"  # tells spreadsheets that Chinese is UTF-8
BATCH = 500  # rows written at once

# What a spreadsheet takes for the beginning of a formula, with the full-width twins that Chinese input methods make.
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def safe_cell(value: object) -> str | int | float | Decimal:
    """The value as a cell. Text that would begin a formula gets a leading apostrophe; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (int, float, Decimal)):
        return value
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    text = str(value).replace("\x00", "")
    begins_formula = text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS)
    return f"'{text}" if begins_formula and not NUMBER.fullmatch(text) else text


class _Echo:
    """A file for csv.writer that keeps what was written until it is taken."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)

    def take(self) -> str:
        text = "".join(self.parts)
        self.parts.clear()
        return text


def csv_lines(*, header: Sequence[object], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The file in pieces of some hundred rows, the byte order mark first."""
    echo = _Echo()
    writer = csv.writer(echo)
    echo.write(BOM)
    for number, row in enumerate(chain([header], rows), start=1):
        writer.writerow([safe_cell(value) for value in row])
        if number % BATCH == 0:
            yield echo.take()
    yield echo.take()


def csv_response(*, filename: str, header: Sequence[object], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """A download that starts with the first rows and never holds the whole list in memory.

    Give `rows` from `queryset.iterator()`. `filename` may hold any script.
    """
    response = StreamingHttpResponse(csv_lines(header=header, rows=rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=filename) or "attachment"
    response["Cache-Control"] = "no-store"
    return response
