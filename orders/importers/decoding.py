"""From an uploaded file of any encoding to one clean UTF-8 CSV on disk. Nothing is guessed twice or replaced."""

import codecs
import csv
import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.utils.translation import gettext as _

from crm_suite.lib.errors import BadInput

PIECE = 1024 * 1024
LARGEST_PLAIN = 2 * 1024**3  # bytes after decompression
LARGEST_RATIO = 100  # of a .gz beyond its first 10 MB; text compresses 5 to 20 times
LONGEST_CELL = 1024 * 1024
SEPARATORS = (",", "\t", ";", "|")
NEWLINE, RETURN, QUOTE = 10, 13, 34


@dataclass(frozen=True)
class Shape:
    """What was found out about a file. `encoding` is the uploaded file's; the clean copy is UTF-8."""

    encoding: str
    delimiter: str
    header: list[str]


def clean_copy(source: Path, target: Path) -> Shape:
    """Write `source` (plain or .gz) to `target` as UTF-8 in which every quotation mark is one of CSV.

    Raises BadInput naming the encoding, the quotation mark or the limit that stands in the way.
    """
    part = target.with_suffix(".part")
    try:
        _decompress(source, part)
        encoding = _encoding(part)
        delimiter = _delimiter(_first_line(part, encoding))
        if encoding in ("utf-8", "utf-8-sig") and _is_clean(part, delimiter):
            part.replace(target)
        else:
            _rewrite(part, target, encoding, delimiter)
        return Shape(encoding, delimiter, read_header(target, delimiter)[0])
    finally:
        part.unlink(missing_ok=True)


def read_header(path: Path, delimiter: str) -> tuple[list[str], int]:
    """The column names, stripped and made unique, and the position of the first row."""
    with path.open("rb") as file:
        start = len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0
        file.seek(start)
        line = file.readline(LONGEST_CELL)
        while line.count(b'"') % 2 and (more := file.readline(LONGEST_CELL)):
            line += more
        position = file.tell()
    cells = next(csv.reader([line.decode().rstrip("\r\n")], delimiter=delimiter), [])
    if not any(cell.strip() for cell in cells):
        raise BadInput(_("The first line is empty. It must name the columns."), code="no_header")
    return unique([cell.strip(" \t\r\n\u00a0\ufeff") for cell in cells]), position


def unique(names: list[str]) -> list[str]:
    """Names in their order; a repeated or missing one gets its number: 分销员, 分销员 (2)."""
    seen: dict[str, int] = {}
    result = []
    for place, name in enumerate(names, start=1):
        name = name or f"({place})"
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result


def _decompress(source: Path, target: Path) -> None:
    with source.open("rb") as file:
        magic = file.read(4)
    if magic.startswith(b"PK") or magic == b"\xd0\xcf\x11\xe0":
        raise BadInput(_("This is a spreadsheet or an archive. Save it as CSV and upload that."), code="not_csv")
    is_packed = magic.startswith(b"\x1f\x8b")
    size, packed = 0, source.stat().st_size
    with target.open("wb") as out:
        for piece in _pieces(source, is_packed):
            size += len(piece)
            too_dense = is_packed and size > 10 * PIECE and size > LARGEST_RATIO * packed
            if size > LARGEST_PLAIN or too_dense:
                raise BadInput(_("The file grows beyond all measure when decompressed."), code="file_too_large")
            if b"\x00" in piece and not magic.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not is_packed:
                raise BadInput(_("The file holds zero bytes: it is no text. Save it as CSV."), code="not_csv")
            out.write(piece)


def _pieces(source: Path, is_packed: bool) -> Iterator[bytes]:
    try:
        with gzip.open(source, "rb") if is_packed else source.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise BadInput(_("The .gz file is damaged. Upload it again."), code="bad_gzip") from None


def _encoding(path: Path) -> str:
    """Byte order mark, else strict UTF-8 over the whole file, else strict GB18030 over the whole file."""
    with path.open("rb") as file:
        start = file.read(3)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    elif start == codecs.BOM_UTF8:
        candidates = ["utf-8-sig"]
    else:
        candidates = ["utf-8", "gb18030"]
    for candidate in candidates:
        if _decodes(path, candidate):
            return candidate
    raise BadInput(
        _("The file is neither UTF-8 nor GB18030 (GBK) text. Save it as “CSV UTF-8” and upload it again."),
        code="unknown_encoding",
        extra={"tried": candidates},
    )


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                if "\x00" in decoder.decode(piece):
                    return False
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _first_line(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, newline="") as file:
        text = file.read(64 * 1024)
    return next(iter(text.splitlines()), "")


def _delimiter(line: str) -> str:
    """Which separator the header has most of, outside quotation marks."""
    outside = "".join(line.split('"')[::2])
    return max(SEPARATORS, key=outside.count)


def _is_clean(path: Path, delimiter: str) -> bool:
    """Whether every opening quotation mark starts a cell and every closing one ends it, and lines end by newline."""
    before, inside, returns, newlines = NEWLINE, 0, 0, 0
    edge = np.array([ord(delimiter), NEWLINE, RETURN, QUOTE], dtype=np.uint8)
    with path.open("rb") as file:
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        while piece := file.read(PIECE):
            if piece[-1] in (QUOTE, RETURN):
                piece += file.read(1)  # what follows decides about it
            data = np.frombuffer(bytes([before]) + piece + b"\n", dtype=np.uint8)
            returns, newlines = returns + piece.count(b"\r"), newlines + piece.count(b"\n")
            marks = np.flatnonzero(data[1:-1] == QUOTE) + 1
            opening = marks[inside::2]
            closing = marks[1 - inside :: 2]
            if not (np.isin(data[opening - 1], edge).all() and np.isin(data[closing + 1], edge).all()):
                return False
            before, inside = piece[-1], (inside + len(marks)) % 2
    return not inside and (not returns or newlines > 0)


def _rewrite(source: Path, target: Path, encoding: str, delimiter: str) -> None:
    """Through Python's reader, which takes stray quotation marks as text, into a file that needs no such kindness."""
    csv.field_size_limit(LONGEST_CELL)
    part = target.with_name(f"{target.name}.{os.getpid()}")
    rows = 0
    try:
        with source.open(encoding=encoding, newline="") as file, part.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
            for row in csv.reader(file, delimiter=delimiter):
                writer.writerow(row)
                rows += 1
        part.replace(target)
    except csv.Error:
        raise BadInput(
            _("A quotation mark that is never closed, or a cell of a megabyte, after row %(row)s.") % {"row": rows},
            code="bad_quotes",
        ) from None
    finally:
        part.unlink(missing_ok=True)
