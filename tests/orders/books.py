"""Workbooks and archives as people upload them."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import openpyxl
import xlwt

Rows = Sequence[Sequence[Any]]


def xlsx(sheets: Mapping[str, Rows] | Rows) -> bytes:
    """A workbook of these sheets, or of one."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in (sheets if isinstance(sheets, Mapping) else {"Sheet1": sheets}).items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    return saved(book)


def saved(book: Any) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def xls(rows: Rows) -> bytes:
    """The workbook of before 2007."""
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("订单")
    for at, row in enumerate(rows):
        for place, cell in enumerate(row):
            style = xlwt.easyxf(num_format_str="YYYY-MM-DD HH:MM:SS") if isinstance(cell, date | datetime) else None
            sheet.write(at, place, cell, style) if style else sheet.write(at, place, cell)
    return saved(book)


def zipped(members: Mapping[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def changed(book: bytes, name: str, content: bytes) -> bytes:
    """A workbook whose part `name` is another one."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    return zipped(parts | {name: content})
