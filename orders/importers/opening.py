"""From an upload of any format to one clean UTF-8 CSV: unpacked, one table of it chosen, decoded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from django.utils.translation import gettext as _

from crm_suite.lib.errors import BadInput
from orders.importers import archives, decoding, spreadsheets
from orders.importers.decoding import Shape
from orders.importers.limits import MOST_TABLES

WRITTEN = "clean.csv"


@dataclass(frozen=True)
class Table:
    """One table in an upload. `label` names it where there are several; `sheet` is its place among several sheets."""

    label: str
    path: Path
    format: str = ""
    sheet: int | None = None


def clean_copy(
    source: Path,
    target: Path,
    *,
    part: str = "",
    encoding: str = "",
    is_known: Callable[[Sequence[str]], object] | None = None,
) -> Shape:
    """Write a table of `source` to `target` as UTF-8 in which every quotation mark is one of CSV.

    `part` names one of several tables; without it the first one whose header `is_known` is taken, else the first that
    can be read. `encoding` is taken as given; without it the text has to prove to be UTF-8 or GB18030. Raises BadInput
    naming what stands in the way.
    """
    with TemporaryDirectory(dir=target.parent) as folder:
        shape = _choose(source, Path(folder), part=part, encoding=encoding, is_known=is_known)
        (Path(folder) / WRITTEN).replace(target)
    return shape


def parts(source: Path, folder: Path) -> list[str]:
    """The names of the tables to choose from; none where there is only one."""
    with TemporaryDirectory(dir=folder) as workspace:
        return [table.label for table in _tables(source, Path(workspace)) if table.label]


def readings(source: Path, folder: Path, *, part: str = "") -> dict[str, str]:
    """Encoding → how the beginning of a text would read; empty for a workbook, where nothing is to choose."""
    with TemporaryDirectory(dir=folder) as workspace:
        for table in _tables(source, Path(workspace)):
            if table.label == part or not part:
                return {} if table.format else decoding.readings(table.path)
    return {}


def _choose(
    source: Path,
    folder: Path,
    *,
    part: str,
    encoding: str,
    is_known: Callable[[Sequence[str]], object] | None,
) -> Shape:
    first: Shape | None = None
    problem: BadInput | None = None
    for table in _tables(source, folder):
        if part and table.label != part:
            continue
        try:
            shape = _write(table, folder / WRITTEN, encoding)
        except BadInput as error:
            problem = problem or error
            continue
        if not table.label or part or is_known is None or is_known(shape.header):
            return shape
        first = first or shape
    if first is None:
        raise problem or BadInput(_("The file holds no table of the name %(name)s.") % {"name": part}, code="no_table")
    return _choose(source, folder, part=first.part, encoding=encoding, is_known=None)


def _write(table: Table, written: Path, encoding: str) -> Shape:
    if table.format:
        if table.sheet is not None:
            spreadsheets.write_rows(table.path, table.sheet, written)
        shape = decoding.shape_of(written, ",", encoding="", format=table.format)
    else:
        shape = decoding.clean_text(table.path, written, encoding=encoding)
    return replace(shape, part=table.label)


def _tables(source: Path, folder: Path) -> Iterator[Table]:
    """One after the other, without those that cannot be opened; where all are like that, the first one's problem."""
    problem: BadInput | None = None
    has_any = False
    for name, unpacked in _files(source, folder):
        try:
            tables = _tables_of(name, unpacked(), folder)
        except BadInput as error:
            problem = problem or error
            continue
        has_any = True
        yield from tables
    if problem and not has_any:
        raise problem


def _tables_of(name: str, path: Path, folder: Path) -> list[Table]:
    kind = spreadsheets.format_of(path)
    sheets = spreadsheets.sheet_names(path, alone=folder / WRITTEN) if kind else []
    if len(sheets) < 2:
        return [Table(name, path, kind)]
    names = [" › ".join(filter(None, [name, sheet[:50]])) for sheet in sheets[:MOST_TABLES]]
    return [Table(full, path, kind, place) for place, full in enumerate(names)]


def _files(source: Path, folder: Path) -> Iterator[tuple[str, Callable[[], Path]]]:
    """Names of plain files and workbooks, and how to come by each; they are unpacked to the same place in turn."""
    unpacked = folder / "unpacked"
    if archives.begins_with(source, archives.GZIP):
        yield "", partial(archives.gunzip, source, unpacked)
    elif archives.begins_with(source, archives.ZIP) and not archives.is_xlsx(source):
        with archives.opened(source) as archive:
            members = archives.members(archive)
        for entry in members[:MOST_TABLES]:
            name = archives.label(entry) if len(members) > 1 else ""
            yield name, partial(archives.unpack, source, entry, unpacked)
    else:
        yield "", lambda: source
