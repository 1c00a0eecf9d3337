"""Hostile workbooks: see hostile.py."""

import io
import random
import struct
import zipfile
from collections.abc import Iterator
from functools import partial

import openpyxl

from tests.orders.books import changed, saved, xls, xlsx, zipped
from tests.orders.hostile_words import CELLS, Case, Maker, cut_at, noise, pseudo

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;">
<!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">]><sst><si><t>&lol3;</t></si></sst>"""
OUTSIDE = (
    b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><sst><si><t>&e;</t></si></sst>"""
)
SHEET, STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
SPREADSHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def book() -> bytes:
    return xlsx(CELLS)


def bomb_book() -> bytes:
    return changed(book(), STRINGS, b"<sst>" + b"<si><t>a</t></si>" * 4_000_000)


def sheet(cells: str) -> Maker:
    return lambda: changed(
        book(), SHEET, f"<worksheet {SPREADSHEET}><sheetData>{cells}</sheetData></worksheet>".encode()
    )


def workbooks() -> Iterator[Case]:
    def strings(number: int) -> bytes:
        inside = "".join(f"<si><t>{n:x}{n * 7919 % 99991}</t></si>" for n in range(number))
        return changed(book(), STRINGS, f"<sst {SPREADSHEET}>{inside}</sst>".encode())

    def sheets(number: int) -> bytes:
        inside = "".join(f'<sheet name="s{n}" sheetId="{n + 1}" r:id="rId1"/>' for n in range(number))
        words = f'<workbook {SPREADSHEET} xmlns:r="r"><sheets>{inside}</sheets></workbook>'
        return changed(book(), "xl/workbook.xml", words.encode())

    for part in (STRINGS, SHEET, "xl/workbook.xml", "[Content_Types].xml", "xl/styles.xml", "docProps/core.xml"):
        yield f"billion laughs in {part}", partial(lambda part: changed(book(), part, LAUGHS), part), "bad_spreadsheet"
        yield f"outside entity in {part}", partial(lambda part: changed(book(), part, OUTSIDE), part), "bad_spreadsheet"
    yield (
        "a declaration behind a long comment",
        lambda: changed(book(), STRINGS, b"<!--" + pseudo(70_000) + b"-->" + LAUGHS),
        "bad_spreadsheet",
    )
    yield "a workbook in UTF-16", lambda: changed(book(), STRINGS, LAUGHS.decode().encode("utf-16")), "bad_spreadsheet"
    yield "four million equal strings", bomb_book, "file_too_large"
    yield "a million strings", lambda: strings(1_000_000), ""
    yield "a workbook of 501 sheets", lambda: sheets(501), "too_many_sheets"
    yield "a workbook of 100,000 sheets", lambda: sheets(100_000), "too_many_sheets"
    yield "a workbook of no sheet", lambda: sheets(0), "no_table"
    yield (
        "two cells a world apart",
        sheet('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
        "spreadsheet_too_large",
    )
    yield (
        "a cell beyond the sheet",
        sheet('<row r="1"><c r="ZZZZZZZ99999999999"><v>1</v></c></row>'),
        "spreadsheet_too_large",
    )
    yield "a string that is not there", sheet('<row r="1"><c r="A1" t="s"><v>99999</v></c></row>'), ""
    yield "a string before the first", sheet('<row r="1"><c r="A1" t="s"><v>-1</v></c></row>'), "bad_spreadsheet"
    yield "a number that is none", sheet('<row r="1"><c r="A1"><v>NaN and more</v></c></row>'), ""
    yield "a day beyond all days", sheet('<row r="1"><c r="A1" s="1"><v>1e300</v></c></row>'), ""
    yield "sheets without an end", sheet('<row r="1"><c r="A1"><v>1'), "bad_spreadsheet"
    yield "a dimension that lies", lambda: changed(
        book(), SHEET,
        f'<worksheet {SPREADSHEET}><dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1" t="inlineStr"><is>'
        "<t>Order</t></is></c></row></sheetData></worksheet>".encode(),
    ), "no_rows"  # fmt: skip
    yield "a sheet of 3,000 columns", lambda: xlsx([[f"c{n}" for n in range(3_000)]]), "too_many_columns"
    yield "an empty sheet", lambda: xlsx([[]]), "no_header"
    yield "a sheet of blanks", lambda: xlsx([[" ", "  "], ["", " "]]), "no_header"
    yield (
        "a sheet of formulas",
        lambda: xlsx([CELLS[0], ["=1+1", "=NOW()", "=A1", "=5", "=cmd|'/C calc'!A0"]]),
        "no_rows",
    )
    yield "formulas as text", formulas_as_text, 1
    yield "a cell of 3 MB", lambda: xlsx([CELLS[0], ["x" * 32_000] * 5, CELLS[1]]), 1
    yield "a hidden sheet only", hidden_sheet, 1
    yield "a workbook without its list of sheets", lambda: without("xl/workbook.xml"), "not_csv"
    yield "a workbook without its sheet", lambda: without(SHEET), "bad_spreadsheet"
    yield "a workbook without relations", lambda: without("xl/_rels/workbook.xml.rels"), "bad_spreadsheet"
    yield "a binary workbook", lambda: zipped({"xl/workbook.bin": b"\x83\x01"}), "not_csv"
    yield "a document", lambda: zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>"}), "not_csv"
    yield "an open document", lambda: zipped({"mimetype": b"application/x", "content.xml": b"<x/>"}), ""


def formulas_as_text() -> bytes:
    made = openpyxl.Workbook()
    for row in CELLS:
        made.active.append(row)
    made.active["E2"].value, made.active["E2"].data_type = "=cmd|'/C calc'!A0", "s"
    return saved(made)


def hidden_sheet() -> bytes:
    made = openpyxl.load_workbook(io.BytesIO(book()))
    made.create_sheet("chart").sheet_state = "visible"
    made.worksheets[0].sheet_state = "hidden"
    made.remove(made.worksheets[1])
    made.active = 0
    content = io.BytesIO()
    made.worksheets[0].sheet_state = "visible"
    made.save(content)
    with zipfile.ZipFile(content) as archive:
        words = archive.read("xl/workbook.xml").replace(b'state="visible"', b'state="hidden"')
    return changed(content.getvalue(), "xl/workbook.xml", words)


def without(name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(book())) as archive:
        return zipped({entry.filename: archive.read(entry) for entry in archive.infolist() if entry.filename != name})


def workbook_parts() -> Iterator[Case]:
    for part in (STRINGS, SHEET, "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml"):
        for title, content in {"noise": noise(3, 900), "nothing": b"", "half": b"<worksheet><sheetData><row"}.items():
            yield f"{title} as {part}", partial(lambda part, content: changed(book(), part, content), part, content), ""
    for cut in (100, 1_000, 3_000, -3_000, -500, -30):
        yield f"workbook cut at {cut}", partial(cut_at, cut, book), "bad_archive"


def old_workbooks() -> Iterator[Case]:
    def flipped(seed: int) -> bytes:
        content, chance = bytearray(xls(CELLS)), random.Random(seed)
        for _ in range(40):
            content[chance.randrange(8, len(content))] = chance.randrange(256)
        return bytes(content)

    def looping() -> bytes:
        """Every sector of the directory is followed by itself."""
        content = bytearray(xls(CELLS))
        for place in range(0, 512, 4):
            struct.pack_into("<I", content, len(content) - 512 + place, place // 4)
        return bytes(content)

    yield "the old magic and noise", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + noise(5, 9_000), "bad_spreadsheet"
    yield "the old magic alone", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "bad_spreadsheet"
    yield "an old workbook that goes in circles", looping, ""
    for cut in (512, 600, 1_024, 2_000, 4_000, -600):
        yield f"old workbook cut at {cut}", partial(cut_at, cut, partial(xls, CELLS)), ""
    for seed in range(8):
        yield f"old workbook with wrong bytes {seed}", partial(flipped, seed), ""
