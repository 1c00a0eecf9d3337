"""The program that reads workbooks, run in a process of its own that may neither grow nor last beyond measure.

`sandbox.py 512:120 sheets FILE TARGET` prints the names of the visible sheets, and where there is only one writes it as
CSV at once; `sandbox.py 512:120 rows FILE TARGET PLACE` writes one of several. 512:120 are megabytes of memory and
seconds. It answers in JSON: what went wrong is {"error": code}. It stands alone: every library of the product in here
would be memory taken from the workbook.
"""

import json
import re
import resource
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import dropwhile, islice
from pathlib import Path
from typing import Any

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetMetadata,
    SheetTypeEnum,
    SheetVisibleEnum,
)

MOST_SHEETS = 500
MOST_COLUMNS = 2_000
LARGEST_OUTPUT = 2 * 1024**3  # bytes
EXACT = 2**53  # a number beyond cannot hold every whole number
SHOWN = 15  # digits that a spreadsheet keeps
REMEMBERED = 100_000  # numbers whose text is kept
SPECIAL = re.compile('[",\r\n\\0]')  # what a cell of CSV is quoted for; zero bytes are left out
BATCH = 2_000  # rows turned to text at once

Cell = int | float | str | bool | time | date | datetime | timedelta


def main(limits: str, verb: str, file: str, target: str, place: str = "0") -> dict[str, object]:
    megabytes, seconds = map(int, limits.split(":"))
    _limit(megabytes, seconds)
    try:
        workbook = CalamineWorkbook.from_path(file)
        if verb == "sheets":
            return sheets(workbook, Path(target))
        return write(workbook, _tables(workbook)[int(place)].name, Path(target))
    except PasswordError:
        return {"error": "encrypted"}
    except (MemoryError, OSError):
        return {"error": "spreadsheet_too_large"}
    except (CalamineError, UnicodeError):
        return {"error": "bad_spreadsheet"}


def _limit(megabytes: int, seconds: int) -> None:
    for kind, limit in [
        (resource.RLIMIT_AS, megabytes * 1024**2),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, LARGEST_OUTPUT),
        (resource.RLIMIT_CORE, 0),
    ]:
        resource.setrlimit(kind, (limit, limit))


def sheets(workbook: CalamineWorkbook, target: Path) -> dict[str, object]:
    names = [sheet.name for sheet in _tables(workbook)]
    if len(names) > MOST_SHEETS:
        return {"error": "too_many_sheets"}
    return {"sheets": names} | (write(workbook, names[0], target) if len(names) == 1 else {})


def write(workbook: CalamineWorkbook, name: str, target: Path) -> dict[str, object]:
    """All rows of a sheet from the first one that says something."""
    sheet = workbook.get_sheet_by_name(name)
    if sheet.width > MOST_COLUMNS:
        return {"error": "too_many_columns"}
    with target.open("w", encoding="utf-8", newline="") as out:
        out.writelines(_lines(sheet))
    return {"rows": sheet.height}


def _tables(workbook: CalamineWorkbook) -> list[SheetMetadata]:
    tables = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    return [sheet for sheet in tables if sheet.visible == SheetVisibleEnum.Visible] or tables


def _lines(sheet: CalamineSheet) -> Iterator[str]:
    """The sheet as CSV, some thousand rows at once, from the first row that says something."""
    texts = _Texts()
    rows = dropwhile(lambda row: not any(cell != "" for cell in row), sheet.iter_rows())
    while batch := list(islice(rows, BATCH)):
        columns = [_column(cells, texts) for cells in zip(*batch, strict=True)]
        yield "\n".join(map(",".join, zip(*columns, strict=True))) + "\n"


def _column(cells: Sequence[Any], texts: "_Texts") -> Iterable[str]:
    """A column's cells as CSV: nearly always all of one kind and without special signs, which is much faster."""
    kinds = set(map(type, cells))
    if kinds == {float}:
        return map(texts.__getitem__, cells)
    if kinds == {str} and not SPECIAL.search("".join(cells)):
        return cells
    return [_quoted(cell) if type(cell) is str else written(cell) for cell in cells]


def _quoted(text: str) -> str:
    return '"' + text.replace("\x00", "").replace('"', '""') + '"' if SPECIAL.search(text) else text


class _Texts(dict[Any, str]):
    """Texts of numbers, worked out once for equal ones: most columns repeat themselves."""

    def __missing__(self, number: float) -> str:
        if len(self) >= REMEMBERED:
            self.clear()
        text = self[number] = _number(number)
        return text


def written(cell: Cell) -> str:
    """A cell as text: whole numbers without a fraction, days and times as ISO 8601 to the nearest second."""
    if isinstance(cell, float):
        return _number(cell)
    if isinstance(cell, datetime):
        return str(_nearest_second(cell) if cell.microsecond else cell)
    return str(cell).upper() if isinstance(cell, bool) else str(cell)


def _nearest_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0) + timedelta(seconds=moment.microsecond >= 500_000)


def _number(number: float) -> str:
    """Digits as the sheet shows them.

    Numbers that have lost their last digits are written 1.93067985817065E+18, as spreadsheets show them, so that
    nobody takes them for an order number: those beyond 2^53, and those of sixteen digits whose last one is cut to 0.
    """
    if number.is_integer():
        whole = int(number)
        is_cut = abs(whole) >= EXACT or (whole % 10 == 0 and abs(whole) >= 10**SHOWN)
        return f"{number:.{SHOWN - 1}E}" if is_cut else str(whole)
    text = f"{number:.{SHOWN}g}"
    return f"{Decimal(text):f}" if "e" in text else text


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
