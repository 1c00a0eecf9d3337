"""Text of any encoding as one clean UTF-8 CSV. Nothing is guessed twice or replaced."""

import codecs
import csv
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.utils.translation import gettext as _, gettext_lazy

from crm_suite.lib.errors import BadInput
from orders.importers import ndjson
from orders.importers.limits import LONGEST_CELL, LONGEST_NAME, MOST_COLUMNS, PIECE

SEPARATORS = (",", "\t", ";", "|")
NEWLINE, RETURN, QUOTE = 10, 13, 34
START = 64 * 1024  # characters that show what a file is
SHOWN = 200  # characters of a reading
MANY = 3  # cells that make a header below a title
#: What a person may say that a text is, where it does not show.
ENCODINGS = {
    "utf-8": "UTF-8",
    "gb18030": gettext_lazy("Simplified Chinese (GB18030, GBK)"),
    "cp950": gettext_lazy("Traditional Chinese (Big5)"),
    "cp932": gettext_lazy("Japanese (Shift-JIS)"),
    "cp949": gettext_lazy("Korean (EUC-KR)"),
    "cp1252": gettext_lazy("Western European (Windows-1252)"),
    "cp1250": gettext_lazy("Central European (Windows-1250)"),
    "cp1251": gettext_lazy("Cyrillic (Windows-1251)"),
}

csv.field_size_limit(LONGEST_CELL)


@dataclass(frozen=True)
class Shape:
    """What was found out about a file. `encoding` is the uploaded text's ("" of a workbook); the clean copy is UTF-8.

    `format` is csv, ndjson, xlsx or xls, `part` the name of the table where the file has several, `title` a line above
    the header that is no row.
    """

    encoding: str
    delimiter: str
    header: list[str]
    format: str
    part: str = ""
    title: str = ""


@dataclass(frozen=True)
class Head:
    """The column names, stripped and made unique, the position of the first row, and a title above the names."""

    names: list[str]
    start: int
    title: str


def clean_text(source: Path, target: Path, *, encoding: str = "") -> Shape:
    """Write `source`, a CSV or NDJSON text, to `target` as UTF-8 in which every quotation mark is one of CSV.

    Raises BadInput naming the encoding, the quotation mark or the line that stands in the way.
    """
    encoding = _encoding(source, encoding)
    start = _start(source, encoding)
    if start.lstrip().startswith("{"):
        ndjson.as_csv(source, target, encoding=encoding)
        return shape_of(target, ",", encoding=encoding, format="ndjson")
    if start.lstrip().startswith("<"):
        raise BadInput(_("This is a web page or XML, not a table. Save it as .xlsx or CSV."), code="not_csv")
    delimiter = _delimiter(start)
    if encoding in ("utf-8", "utf-8-sig") and _is_clean(source, delimiter):
        shutil.copyfile(source, target)
    else:
        _rewrite(source, target, encoding, delimiter)
    return shape_of(target, delimiter, encoding=encoding, format="csv")


def shape_of(path: Path, delimiter: str, *, encoding: str, format: str) -> Shape:
    """The shape of a clean copy. Raises BadInput where it has no header or nothing below it."""
    head = read_head(path, delimiter)
    if head.start >= path.stat().st_size:
        raise BadInput(_("There is no row below the names of the columns."), code="no_rows")
    return Shape(encoding, delimiter, head.names, format, title=head.title)


def read_header(path: Path, delimiter: str) -> tuple[list[str], int]:
    """The column names, stripped and made unique, and the position of the first row."""
    head = read_head(path, delimiter)
    return head.names, head.start


def read_head(path: Path, delimiter: str) -> Head:
    """The header of a clean copy. A first line of one cell above one of many names is a title."""
    rows = _first_rows(path, delimiter)
    cells, end = next(rows, ([], 0))
    filled = [cell for cell in cells if cell.strip()]
    if len(filled) == 1 and (below := next(((row, at) for row, at in rows if any(row)), None)) and _is_header(below[0]):
        return Head(_names(below[0]), below[1], filled[0].strip()[:LONGEST_NAME])
    if not filled:
        raise BadInput(_("The first line is empty. It must name the columns."), code="no_header")
    return Head(_names(cells), end, "")


def _first_rows(path: Path, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """Row after row with the position behind it."""
    with path.open("rb") as file:
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        while line := file.readline(LONGEST_CELL):
            while line.count(b'"') % 2 and len(line) < LONGEST_CELL and (more := file.readline(LONGEST_CELL)):
                line += more
            if len(line) >= LONGEST_CELL:
                raise BadInput(_("The first line is longer than a megabyte. Is this a table?"), code="header_too_long")
            yield next(csv.reader([line.decode().rstrip("\r\n")], delimiter=delimiter), []), file.tell()


def _is_header(cells: list[str]) -> bool:
    filled = [cell.strip() for cell in cells if cell.strip()]
    return len(filled) >= MANY and not any(cell[0].isdecimal() for cell in filled)


def _names(cells: list[str]) -> list[str]:
    if len(cells) > MOST_COLUMNS:
        raise BadInput(_("The table has more than 2,000 columns."), code="too_many_columns")
    return unique([cell.strip(" \t\r\n\u00a0\u3000\ufeff")[:LONGEST_NAME] for cell in cells])


def unique(names: list[str]) -> list[str]:
    """Names in their order; a repeated, missing or reserved one gets its number: 分销员, 分销员 (2)."""
    seen: dict[str, int] = {}
    result: list[str] = []
    for place, name in enumerate(names, start=1):
        name = f"({place}) {name}".strip() if not name or _is_reserved(name) else name
        number, found = seen.get(name, 0) + 1, name
        while found in seen:
            found = f"{name} ({number})"
            number += 1
        seen[name], seen[found] = number, 1
        result.append(found)
    return result


def _is_reserved(name: str) -> bool:
    """Names that mean columns of ours, all columns, or a pattern of columns to those who work on the table."""
    return name.startswith("__") or name == "*" or (name.startswith("^") and name.endswith("$"))


def _encoding(path: Path, wanted: str) -> str:
    """Byte order mark, else what is wanted, else strict UTF-8 or strict GB18030, each over the whole file."""
    marked = _marked_encoding(path)
    for candidate in [marked or wanted] if marked or wanted else ["utf-8", "gb18030"]:
        if _decodes(path, candidate):
            return candidate
    if marked:
        words = _("The file begins as %(encoding)s and does not go on like that. It is damaged; export it again.")
        raise BadInput(words % {"encoding": marked.upper()}, code="bad_encoding")
    if wanted:
        raise BadInput(_("The file is no text of this encoding. Choose another one."), code="unknown_encoding")
    raise BadInput(
        _("The file is neither UTF-8 nor GB18030 (GBK) text. Save it as “CSV UTF-8” and upload it again."),
        code="unknown_encoding",
    )


def _marked_encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(3)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig" if start == codecs.BOM_UTF8 else ""


def _decodes(path: Path, encoding: str) -> bool:
    """Whether the whole file is text of this encoding. Raises BadInput where it holds zero bytes: then it is none."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                if "\x00" in decoder.decode(piece):
                    raise BadInput(_("The file holds zero bytes: it is no text. Save it as CSV."), code="not_csv")
            decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def readings(path: Path) -> dict[str, str]:
    """Encoding → how the beginning would read, for every encoding that the whole file can be of."""
    return {name: _start(path, name)[:SHOWN] for name in ENCODINGS if _decodes(path, name)}


def _start(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, newline="") as file:
        return file.read(START)


def _delimiter(start: str) -> str:
    """Which separator the header has most of, outside quotation marks; a line without any may be a title above it."""
    for line in [line for line in start.splitlines() if line.strip()][:2]:
        # A tab beside a comma parts nothing: some platforms write one behind every name.
        outside = re.sub(r"\t+(?=,|$)|(?<=,)\t+", "", "".join(line.split('"')[::2]))
        if any(sign in outside for sign in SEPARATORS):
            return max(SEPARATORS, key=outside.count)
    return SEPARATORS[0]


def _is_clean(path: Path, delimiter: str) -> bool:
    """Whether every opening quotation mark starts a cell and every closing one ends it, and lines end by newline."""
    before, inside, returns, pairs = NEWLINE, 0, 0, 0
    edge = np.array([ord(delimiter), NEWLINE, RETURN, QUOTE], dtype=np.uint8)
    with path.open("rb") as file:
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        while piece := file.read(PIECE):
            if piece[-1] in (QUOTE, RETURN):
                piece += file.read(1)  # what follows decides about it
            data = np.frombuffer(bytes([before]) + piece + b"\n", dtype=np.uint8)
            returns, pairs = returns + piece.count(b"\r"), pairs + piece.count(b"\r\n")
            marks = np.flatnonzero(data[1:-1] == QUOTE) + 1
            opening = marks[inside::2]
            closing = marks[1 - inside :: 2]
            if not (np.isin(data[opening - 1], edge).all() and np.isin(data[closing + 1], edge).all()):
                return False
            before, inside = piece[-1], (inside + len(marks)) % 2
    return not inside and returns == pairs


def _rewrite(source: Path, target: Path, encoding: str, delimiter: str) -> None:
    """Through Python's reader, which takes stray quotation marks as text, into a file that needs no such kindness."""
    rows = 0
    try:
        with source.open(encoding=encoding, newline="") as file, target.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
            for row in csv.reader(file, delimiter=delimiter):
                writer.writerow(row)
                rows += 1
    except csv.Error:
        raise BadInput(
            _("A quotation mark that is never closed, or a cell of a megabyte, after row %(row)s.") % {"row": rows},
            code="bad_quotes",
        ) from None
