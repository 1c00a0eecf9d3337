"""Files inside files: gzip and zip, measured before anything is unpacked, and never by the names they bring."""

import gzip
import shutil
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from django.utils.translation import gettext as _

from crm_suite.lib.errors import BadInput
from orders.importers.limits import LARGEST_PLAIN, LARGEST_RATIO, LARGEST_TOTAL, MOST_ENTRIES, PIECE, SMALL

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
ENTRY = b"PK\x01\x02"  # begins every entry of a zip's directory
TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".ndjson", ".jsonl", ".json")
DAMAGED = (BadZipFile, EOFError, zlib.error, struct.error, NotImplementedError, ValueError)


def begins_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def gunzip(source: Path, target: Path) -> Path:
    """Unpack a .gz of at most 2 GB and 100 : 1. An archive in it is refused."""
    size, packed = 0, source.stat().st_size
    try:
        with gzip.open(source, "rb") as file, target.open("wb") as out:
            while piece := file.read(PIECE):
                size += len(piece)
                if size > LARGEST_PLAIN or size > max(SMALL, LARGEST_RATIO * packed):
                    raise _bomb()
                out.write(piece)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise BadInput(_("The .gz file is damaged. Upload it again."), code="bad_gzip") from None
    return _not_nested(target)


@contextmanager
def opened(path: Path) -> Iterator[ZipFile]:
    """A zip whose directory was looked at: at most 2,000 entries, 1 GB and 100 : 1, nothing encrypted."""
    if _entries(path) > MOST_ENTRIES:
        raise BadInput(_("The archive holds more than 2,000 files."), code="too_many_files")
    try:
        with ZipFile(path) as archive:
            _measure(archive.infolist())
            yield archive
    except DAMAGED:
        raise BadInput(_("The archive is damaged. Upload it again."), code="bad_archive") from None


def _entries(path: Path) -> int:
    """How many entries there can be, counted before a library makes an object of each."""
    found, rest = 0, b""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            data = rest + piece
            found += data.count(ENTRY)
            rest = data[-len(ENTRY) + 1 :]
    return found


def _measure(entries: list[ZipInfo]) -> None:
    if any(entry.flag_bits & 1 for entry in entries):
        raise BadInput(_("The file is protected by a password. Save it without one."), code="encrypted")
    if any(entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for entry in entries):
        raise BadInput(_("The archive is compressed in an unusual way. Make a plain .zip."), code="bad_archive")
    size, packed = sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries)
    if size > LARGEST_TOTAL or size > max(SMALL, LARGEST_RATIO * packed):
        raise _bomb()


def members(archive: ZipFile) -> list[ZipInfo]:
    """What may be tables, those that look like it first: no folders, links or hidden files."""
    found = [entry for entry in archive.infolist() if _is_plain_file(entry)]
    if not found:
        raise BadInput(_("The archive holds no table."), code="no_table")
    return sorted(found, key=lambda entry: not entry.filename.lower().endswith(TABLES))


def _is_plain_file(entry: ZipInfo) -> bool:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    steps = entry.filename.split("/")
    is_hidden = any(step == "__MACOSX" or (step.startswith(".") and step.strip(".")) for step in steps)
    return not entry.is_dir() and kind in (0, stat.S_IFREG) and not is_hidden


def unpack(source: Path, entry: ZipInfo, target: Path) -> Path:
    """Write a member of a .zip to a place of ours. An archive in it is refused."""
    with opened(source) as archive, archive.open(entry) as file, target.open("wb") as out:
        shutil.copyfileobj(file, out, PIECE)
    return _not_nested(target)


def _not_nested(path: Path) -> Path:
    if begins_with(path, GZIP) or (begins_with(path, ZIP) and not is_xlsx(path)):
        raise BadInput(
            _("There is an archive within the archive. Unpack it and upload the file itself."), code="nested_archive"
        )
    return path


def is_xlsx(path: Path) -> bool:
    with opened(path) as archive:
        names = set(archive.namelist())
    if "xl/workbook.bin" in names:
        raise BadInput(_("This is a binary workbook (.xlsb). Save it as .xlsx and upload that."), code="not_csv")
    return "xl/workbook.xml" in names


def label(entry: ZipInfo) -> str:
    """The member's name for people. Archives made on Chinese systems do not say in which encoding names are."""
    name = entry.filename
    if not entry.flag_bits & 0x800:
        raw = name.encode("cp437", "replace")
        name = _decoded(raw, "utf-8") or _decoded(raw, "gb18030") or name
    return "".join(sign for sign in name if sign.isprintable())[-60:]


def _decoded(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _bomb() -> BadInput:
    return BadInput(_("The file grows beyond all measure when decompressed."), code="file_too_large")
