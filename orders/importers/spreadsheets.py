"""Workbooks, .xlsx and .xls: looked at before they are opened, opened by a process that can be lost."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from crm_suite.lib.errors import BadInput
from orders.importers import archives

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SANDBOX = Path(__file__).with_name("sandbox.py")
MEMORY_MB = 512  # some 250,000 rows of 22 columns
SECONDS = 120
PROLOG = 64 * 1024  # bytes in which a document's first tag has to come
DECLARATION = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
FIRST_TAG = re.compile(rb"<[A-Za-z_]")


def format_of(path: Path) -> str:
    """ "xlsx", "xls", or "" where the file is no workbook."""
    if archives.begins_with(path, OLE):
        return "xls"
    return "xlsx" if archives.begins_with(path, archives.ZIP) and archives.is_xlsx(path) else ""


def sheet_names(path: Path, *, alone: Path) -> list[str]:
    """The visible sheets, in the workbook's order. One that is alone is written to `alone` at once, as by `write_rows`.

    Raises BadInput where the workbook cannot be opened.
    """
    if archives.begins_with(path, archives.ZIP):
        _refuse_declarations(path)
    names: list[str] = _ask("sheets", path, alone)["sheets"]
    if not names:
        raise BadInput(_("The workbook has no sheet with cells."), code="no_table")
    return names


def write_rows(path: Path, place: int, target: Path) -> None:
    """Sheet number `place` (from 0) as UTF-8 CSV. Formulas give the value that was last worked out."""
    _ask("rows", path, target, str(place))


def _refuse_declarations(path: Path) -> None:
    """No workbook needs a document type; entities are there to blow up whoever reads them."""
    with archives.opened(path) as archive:
        for entry in archive.infolist():
            if not entry.filename.endswith((".xml", ".rels")):
                continue
            with archive.open(entry) as file:
                start = file.read(PROLOG)
            if DECLARATION.search(start) or (start and not FIRST_TAG.search(start)):
                raise BadInput(
                    _("The workbook holds declarations that no spreadsheet program writes."), code="bad_spreadsheet"
                )


def _ask(verb: str, path: Path, target: Path, *place: str) -> dict[str, Any]:
    """What the process answers."""
    command: list[str | Path] = [sys.executable, "-I", SANDBOX, f"{MEMORY_MB}:{SECONDS}", verb, path, target, *place]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=SECONDS, env={}, check=False)
    except subprocess.TimeoutExpired:
        raise _problem("spreadsheet_too_large") from None
    if ended.returncode < 0:  # a signal: out of memory or of time
        raise _problem("spreadsheet_too_large")
    if ended.returncode:
        raise _problem("bad_spreadsheet")
    answer: dict[str, Any] = json.loads(ended.stdout)
    if "error" in answer:
        raise _problem(str(answer["error"]))
    return answer


def _problem(code: str) -> BadInput:
    words = {
        "encrypted": _("The file is protected by a password. Save it without one."),
        "too_many_sheets": _("The workbook has more than 500 sheets."),
        "too_many_columns": _("The table has more than 2,000 columns."),
        "spreadsheet_too_large": _("The workbook is too large to be read. Save the sheet as CSV and upload that."),
    }
    damaged = _("The workbook is damaged or of an unknown kind. Save it as .xlsx or CSV and upload that.")
    return BadInput(words.get(code, damaged), code=code)
