"""Two hundred files that nobody should send: what they are called, how they are made, and how they must end.

An ending is the code of a refusal, or the number of orders that come in; "" is either, without any other error.
"""

import bz2
import codecs
import gzip
import io
import json
import lzma
import random
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import openpyxl

from tests.orders.books import changed, saved, xls, xlsx, zipped

HEADER = "Order,Placed,Paid,Total,Buyer\n"
ROW = "1,2024-01-01,2024-01-01,5,x\n"
GOOD = (HEADER + ROW).encode()
CELLS: list[list[Any]] = [["Order", "Placed", "Paid", "Total", "Buyer"], ["1", "2024-01-01", "2024-01-01", 5, "x"]]
MB = 1024 * 1024

Maker = Callable[[], bytes]
Case = tuple[str, Maker, str | int]


def cases() -> list[Case]:
    families = [gzips, zips, zip_names, workbooks, workbook_parts, old_workbooks, encodings, tables, cells, no_tables,
                objects]  # fmt: skip
    return [case for family in families for case in family()]


def text(*rows: str) -> Maker:
    return lambda: (HEADER + "".join(f"{row}\n" for row in rows)).encode()


def cut_at(place: int, made: Maker) -> bytes:
    return made()[:place]


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def pseudo(size: int) -> bytes:
    """Text that hardly compresses."""
    return codecs.encode(noise(1, size // 2), "hex")


# --- archives


def gzips() -> Iterator[Case]:
    def packed(content: bytes) -> bytes:
        return gzip.compress(content, 6, mtime=0)

    yield "gzip of zeros", lambda: packed(b"0" * 60 * MB), "file_too_large"
    yield "gzip of line ends", lambda: packed(GOOD + b"\n" * 60 * MB), "file_too_large"
    yield "gzip of commas", lambda: packed(GOOD + b"," * 60 * MB), "file_too_large"
    yield "gzip members in a row", lambda: packed(GOOD) + packed(b" " * 4 * MB) * 12, "file_too_large"
    yield "gzip in gzip", lambda: packed(packed(GOOD)), "nested_archive"
    yield "zip in gzip", lambda: packed(zipped({"a.csv": GOOD})), "nested_archive"
    yield "bomb in gzip in gzip", lambda: packed(packed(b"0" * 60 * MB)), "nested_archive"
    yield "gzip of nothing", lambda: packed(b""), "no_header"
    yield "gzip with garbage behind", lambda: packed(GOOD) + b"garbage", "bad_gzip"
    yield "gzip with a wrong checksum", lambda: packed(GOOD)[:-8] + b"\0" * 8, "bad_gzip"
    yield "gzip with a path in it", lambda: b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"../../x\0" + packed(GOOD)[10:], 1
    for cut in (2, 3, 9, 12, 20, -9, -5, -1):
        yield f"gzip cut at {cut}", partial(cut_at, cut, partial(packed, GOOD)), "bad_gzip"


def zips() -> Iterator[Case]:
    def packed(**members: bytes) -> bytes:
        return zipped({f"{name}.csv": content for name, content in members.items()})

    def entries(number: int) -> bytes:
        return zipped({f"{place}": b"" for place in range(number)}, compression=zipfile.ZIP_STORED)

    def patched(offset: int, value: int, kind: str = "<H") -> bytes:
        """The good archive with another value in its only directory entry."""
        content = bytearray(packed(a=GOOD))
        struct.pack_into(kind, content, content.index(b"PK\x01\x02") + offset, value)
        return bytes(content)

    yield "zip of zeros", lambda: packed(a=b"0" * 60 * MB), "file_too_large"
    yield "zip of many zeros", lambda: packed(**{f"n{n}": b"0" * 2 * MB for n in range(30)}), "file_too_large"
    yield "zip of 2,001 files", lambda: entries(2_001), "too_many_files"
    yield "zip of 40,000 files", lambda: entries(40_000), "too_many_files"
    yield "zip in zip", lambda: zipped({"a.zip": packed(a=GOOD)}), "nested_archive"
    yield "zip in zip in zip", lambda: zipped({"a.zip": zipped({"b.zip": packed(a=GOOD)})}), "nested_archive"
    yield "zip in zip by another name", lambda: zipped({"a.csv": packed(a=GOOD)}), "nested_archive"
    yield "gzip in zip", lambda: zipped({"a.csv.gz": gzip.compress(GOOD)}), "nested_archive"
    yield "bomb in workbook in zip", lambda: zipped({"a.xlsx": bomb_book()}), "file_too_large"
    yield "zip of nothing", lambda: zipped({}), "not_csv"
    yield "zip of an empty file", lambda: packed(a=b""), "no_header"
    yield "zip of pictures", lambda: zipped({"a.png": b"\x89PNG\r\n\x1a\n\0\0", "b.png": b"\x89PNG\0"}), "not_csv"
    yield "zip with a second table", lambda: packed(a=GOOD, b=b"\0"), 1
    yield "zip with garbage in front", lambda: b"garbage" + packed(a=GOOD), ""
    yield "zip with a bad checksum", lambda: patched(16, 1, "<I"), "bad_archive"
    yield "zip that is encrypted", lambda: patched(8, 1), "encrypted"
    yield "zip of an unknown method", lambda: patched(10, 99), "bad_archive"
    yield "zip that claims 4 GB", lambda: patched(24, 2**32 - 2, "<I"), "file_too_large"
    yield "zip that claims 2 bytes", lambda: patched(24, 2, "<I"), "bad_archive"
    yield "zip that points elsewhere", lambda: patched(42, 9999, "<I"), "bad_archive"
    yield "zip with an archive behind a table", lambda: zipped({"a.csv": GOOD, "b.zip": packed(a=GOOD)}), 1
    yield "zip by bzip2", lambda: zipped({"a.csv": GOOD}, compression=zipfile.ZIP_BZIP2), "bad_archive"
    yield "zip by lzma", lambda: zipped({"a.csv": GOOD}, compression=zipfile.ZIP_LZMA), "bad_archive"
    yield "zip with a long comment", lambda: packed(a=GOOD)[:-2] + b"\xff\xff" + b"c" * 65535, 1
    yield "zip of overlapping files", overlapping, 1
    for cut in (4, 30, 60, -40, -22, -10, -1):
        yield f"zip cut at {cut}", partial(cut_at, cut, partial(packed, a=GOOD)), "bad_archive"


def overlapping() -> bytes:
    """A directory in which two names have the same bytes."""
    content = zipped({"a.csv": GOOD, "b.csv": GOOD + b"more"})
    second = content.rindex(b"PK\x01\x02")
    return content[: second + 42] + struct.pack("<I", 0) + content[second + 46 :]


def zip_names() -> Iterator[Case]:
    def named(name: str, mode: int = 0) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            entry = zipfile.ZipInfo("placeholder")
            entry.filename, entry.external_attr = name, mode << 16
            archive.writestr(entry, GOOD)
        return out.getvalue()

    names = {
        "traversal": "../../../etc/passwd", "absolute": "/etc/cron.d/x.csv", "drive": "C:\\Windows\\x.csv",
        "zero byte": "a\0.csv", "5,000 signs": "x" * 5_000 + ".csv", "line end": "a\nb.csv",
        "right to left": "\u202evsc", "dots": "./././a.csv", "a device": "con", "a tilde": "~/a.csv",
        "shell": "$(id);`id`.csv", "blank": " ",
    }  # fmt: skip
    for title, name in names.items():
        yield f"zip name: {title}", partial(named, name), 1
    yield "zip of a symbolic link", partial(named, "a.csv", stat.S_IFLNK | 0o777), "no_table"
    yield "zip of a pipe", partial(named, "a.csv", stat.S_IFIFO | 0o777), "no_table"
    yield "zip of a folder", lambda: zipped({"folder/": b""}), "no_table"
    yield "zip of hidden files", lambda: zipped({".a.csv": GOOD, "__MACOSX/a.csv": GOOD}), "no_table"


# --- workbooks

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


# --- texts


def encodings() -> Iterator[Case]:
    chinese = (HEADER + "1,2024-01-01,2024-01-01,5,李四\n").encode()
    rare = (HEADER + "1,2024-01-01,2024-01-01,5,\U00020bb7").encode("gb18030")
    yield "UTF-8 cut in a sign", lambda: chinese[:-2], ""
    yield "UTF-8 with a wrong byte", lambda: chinese.replace(b"x", b"\xff") + b"\xff\xff\xff\n", "unknown_encoding"
    yield "UTF-8 written too long", lambda: GOOD + b"2,\xc0\xaf\xc0\xae,2024-01-01,5,\xf8\n", "unknown_encoding"
    yield (
        "UTF-8 and GBK",
        lambda: chinese + "2,2024-01-01,2024-01-01,5,李".encode("gbk") + b"\xff\n",
        "unknown_encoding",
    )
    yield "half surrogates", lambda: GOOD + b"2,2024-01-01,2024-01-01,5,\xed\xa0\x80\xff\n", "unknown_encoding"
    yield "a wrong byte after 5 MB", lambda: GOOD + ROW.encode() * 200_000 + b"\xff\xff", "unknown_encoding"
    for left in (1, 2, 3):
        yield f"GB18030 with {left} of 4 bytes", partial(bytes, rare[: -4 + left]), "unknown_encoding"
    yield "GB18030 whole", lambda: rare, 1
    yield "UTF-16 of odd length", lambda: GOOD.decode().encode("utf-16")[:-1], "bad_encoding"
    yield "UTF-16 with half a pair", lambda: codecs.BOM_UTF16_LE + b"a\0\x00\xd8b\0", "bad_encoding"
    yield "UTF-16 without a mark", lambda: GOOD.decode().encode("utf-16-le"), "not_csv"
    yield "UTF-16 mark alone", lambda: codecs.BOM_UTF16_LE, "no_header"
    yield "UTF-16 mark on UTF-8", lambda: codecs.BOM_UTF16_BE + GOOD, ""
    yield "UTF-32", lambda: GOOD.decode().encode("utf-32"), "not_csv"
    yield "UTF-7", lambda: "订单,b\n1,2\n".encode("utf-7"), "unknown_column"
    yield "EBCDIC", lambda: GOOD.decode().encode("cp500"), ""
    yield "mark alone", lambda: codecs.BOM_UTF8, "no_header"
    yield "mark twice", lambda: codecs.BOM_UTF8 * 2 + GOOD, 1
    yield "mark on GBK", lambda: codecs.BOM_UTF8 + "订单\n李".encode("gbk"), "bad_encoding"
    yield "zero bytes", lambda: GOOD + b"2,\0\0\0,,,\n", "not_csv"
    yield "zero bytes at the end", lambda: GOOD + b"\0" * 5_000, "not_csv"
    yield "a zero byte in the header", lambda: b"Or\0der" + GOOD, "not_csv"
    yield "zero bytes in a gzip", lambda: gzip.compress(GOOD + b"\0"), "not_csv"
    yield (
        "every control sign",
        lambda: (
            GOOD + b"2,2024-01-01,2024-01-01,5," + bytes(code for code in range(1, 32) if code not in (10, 13)) + b"\n"
        ),
        2,
    )


def tables() -> Iterator[Case]:
    def wide(columns: int) -> bytes:
        return (HEADER.strip() + "".join(f",c{n}" for n in range(columns - 5)) + "\n" + ROW).encode()

    yield "nothing", lambda: b"", "file_empty"
    yield "blanks", lambda: b"   \t  \n  \n", "no_header"
    yield "line ends", lambda: b"\n" * 1_000, "no_header"
    yield "commas", lambda: b",,,,,\n,,,,\n", "no_header"
    yield "quotation marks", lambda: b'""\n""\n', "no_header"
    yield "one sign", lambda: b"x", "no_rows"
    yield "two signs", lambda: b"x\ny", "unknown_column"
    yield "a header alone", lambda: HEADER.encode(), "no_rows"
    yield "a header without a line end", lambda: HEADER.strip().encode(), "no_rows"
    yield "a header over blank rows", lambda: HEADER.encode() + b",,,,\n  \n\n", 0
    yield "2,000 columns", lambda: wide(2_000), 1
    yield "2,001 columns", lambda: wide(2_001), "too_many_columns"
    yield "10,000 columns", lambda: wide(10_000), "too_many_columns"
    yield "10,000 nameless columns", lambda: b"," * 10_000 + b"\n", "no_header"
    yield "a line of 6 MB", lambda: b"x" * 6 * MB, "header_too_long"
    yield "a Chinese line of 6 MB", lambda: "订".encode() * 2 * MB, "header_too_long"
    yield "a header of 2 MB", lambda: pseudo(2 * MB) + b"\n" + GOOD, "header_too_long"
    yield "a row of 6 MB", lambda: GOOD + b'2,"' + b"x," * 3 * MB + b'"\n', ""
    yield "a row of a million cells", lambda: GOOD + b"2," * 1_000_000 + b"\n", 1
    yield "a mark never closed in the header", lambda: b'"Order,Placed\n' + ROW.encode(), ""
    yield "a mark never closed in a row", lambda: GOOD + b'2,"2024-01-01,2024-01-01,5,x\n' + ROW.encode() * 3, 1
    yield "a mark never closed for 3 MB", lambda: GOOD + b'2,"' + b"x\n" * MB * 2, "bad_quotes"
    yield "a million marks", lambda: GOOD + b'"' * 1_000_000 + b"\n", ""
    yield "an odd million of marks", lambda: GOOD + b'"' * 1_000_001 + b"\n", ""
    yield "marks within cells", lambda: (HEADER + '1,2024-01-01,2024-01-01,5,a"b"c"\n').encode(), 1
    yield "rows too short and too long", text("1", "2,2024-01-01,2024-01-01,5,x,y,z", "3,2024-01-01,2024-01-01,5,x"), 1
    yield "only carriage returns", lambda: GOOD.replace(b"\n", b"\r"), 1
    yield "mixed line ends", lambda: GOOD + b"2,2024-01-01,2024-01-01,5,x\r3,2024-01-01,2024-01-01,5,x\r\n", 3
    yield "other ends of lines", lambda: GOOD + "2,2024-01-01,2024-01-01,5,a\x0b\x0c\x85\u2028b\n".encode(), 2
    yield "columns of one name", lambda: b"a," * 1_500 + GOOD.replace(b"\n1", b"\n" + b"," * 1_500 + b"1"), 1
    named: list[tuple[str, str, str | int]] = [
        ("named as patterns", "*,^.*$,__row_no,__ragged,__phone,^a$", 1),
        ("named as ours", "problem,kind,order_no,raw,fix_of", 1),
        ("of a list of rejected rows", "row,column,reason,import", ""),
        ("whose numbers clash", "a,a (2),a,a (3),a", 1),
    ]
    for title, names, end in named:
        content = f"{names},{HEADER}{',' * len(names.split(','))}{ROW}".encode()
        yield f"columns {title}", partial(bytes, content), end


def cells() -> Iterator[Case]:
    good = "9,2024-01-01,2024-01-01,5,x"
    bad = {
        "a formula": "=cmd|'/C calc'!A0,2024-01-01,2024-01-01,-1,x",
        "an order number of 100,000 signs": f"{'1' * 100_000},2024-01-01,2024-01-01,5,x",
        "an amount of 100,000 digits": f"1,2024-01-01,2024-01-01,{'9' * 100_000},x",
        "an amount of a googol": "1,2024-01-01,2024-01-01,1e100,x",
        "an infinite amount": "1,2024-01-01,2024-01-01,Infinity,x",
        "an amount in other digits": "1,2024-01-01,2024-01-01,١٢٣,x",
        "a day that is none": "1,2024-13-41,2024-01-01,5,x",
        "a day of the year 99999": "1,99999-01-01,2024-01-01,5,x",
        "a day of the year 1": "1,0001-01-01,2024-01-01,5,x",
        "a time that is none": "1,2024-01-01 25:61:61,2024-01-01,5,x",
        "an order of nothing": ",2024-01-01,2024-01-01,5,x",
        "a rounded number": "1930679858170640000,2024-01-01,2024-01-01,5,x",
        "a shortened number": "1.93068E+15,2024-01-01,2024-01-01,5,x",
    }
    for title, row in bad.items():
        yield f"a row with {title}", text(row, good), 1
    kept = {
        "a name of 50,000 signs": f"1,2024-01-01,2024-01-01,5,{'名' * 50_000}",
        "SQL": "1,2024-01-01,2024-01-01,5,'); DROP TABLE orders_order; --",
        "a script": "1,2024-01-01,2024-01-01,5,<script>alert(1)</script>",
        "a backslash": "1,2024-01-01,2024-01-01,5,\\N\\.\\",
        "signs of no width": "1,2024-01-01,2024-01-01,5,\u200b\u202e\ufeffx\U000e0001",
        "faces": "1,2024-01-01,2024-01-01,5,👩‍👩‍👧‍👦",
        "templates": "1,2024-01-01,2024-01-01,5,{{ 7*7 }}{% x %}%s%(a)s",
    }
    for title, row in kept.items():
        yield f"a row with {title}", text(row, good), 2


def no_tables() -> Iterator[Case]:
    starts = {
        "a picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a photograph": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        "a GIF": b"GIF89a\0", "a program for Windows": b"MZ\x90\0\x03\0", "a film": b"\0\0\0 ftyp",
        "a program for Linux": b"\x7fELF\x02\x01\x01\0",
        "a database": b"SQLite format 3\0", "a 7z": b"7z\xbc\xaf\x27\x1c\0\x04", "a RAR": b"Rar!\x1a\x07\x01\0",
    }  # fmt: skip
    for title, start in starts.items():
        yield title, partial(lambda start: start + noise(len(start), 4_000), start), ""
    yield "a PDF", lambda: b"%PDF-1.7\n" + noise(9, 5_000), ""
    yield "a web page", lambda: b"<!doctype html><html><table><tr><td>1</td></tr></table></html>", "not_csv"
    yield "an XML sheet", lambda: b'<?xml version="1.0"?><Workbook/>', "not_csv"
    yield "XML laughs", lambda: LAUGHS, "not_csv"
    yield "rich text", lambda: rb"{\rtf1\ansi hello}", "bad_json"
    yield "a bzip2", lambda: bz2.compress(GOOD), ""
    yield "an xz", lambda: lzma.compress(GOOD), ""
    for seed in range(8):
        yield f"noise {seed}", partial(noise, seed, 3_000), ""


def objects() -> Iterator[Case]:
    good = {"Order": "1", "Placed": "2024-01-01", "Paid": "2024-01-01", "Total": 5, "Buyer": "x"}

    def lines(*rows: Any) -> Maker:
        return lambda: "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()

    def deep(opening: str, closing: str, depth: int) -> str:
        return '{"a": ' + opening * depth + "1" + closing * depth + "}"

    yield "arrays 100,000 deep", lines(good, deep("[", "]", 100_000)), "bad_json"
    yield "objects 100,000 deep", lines(good, deep('{"a": ', "}", 100_000)), "bad_json"
    yield "objects 500 deep", lines(good, deep('{"a": ', "}", 500)), ""
    yield "objects 15 deep", lines(good, deep('{"a": ', "}", 15)), 1
    yield "an object whose number is none", lines(good, {**good, "Order": "2", "Total": float("nan")}), 1
    yield "an infinite number", lines(good, {**good, "Order": "2", "Total": float("inf")}), 1
    yield "a number of 10,000 digits", lines(good, '{"Order": "2", "Total": ' + "9" * 10_000 + "}"), 1
    yield "a number of 1e400", lines(good, '{"Order": "2", "Total": 1e400}'), 1
    yield "half a surrogate pair", lines('{"Order": "\\ud83d"}'), "bad_json"
    yield "half a pair in a name", lines('{"Order\\udc00": "1"}'), "bad_json"
    yield "zero signs", lines({**good, "Buyer": "a\0b", "x\0y": 1}), 1
    yield "a list among objects", lines(good, "[1, 2]"), "bad_json"
    yield "nothing among objects", lines(good, "null"), "bad_json"
    yield "an object cut off", lines(good, '{"Order": "2", "Pla'), "bad_json"
    yield "two objects on a line", lines('{"a": 1} {"a": 2}'), "bad_json"
    yield "one object on many lines", lines(json.dumps(good, indent=2)), "bad_json"
    yield "a line of 2 MB", lines({**good, "x": "y" * 2 * MB}), "bad_json"
    yield "3,000 names", lines({f"n{n}": 1 for n in range(3_000)}), "too_many_columns"
    yield "names that grow", lines(*[{f"n{n}": 1} for n in range(3_000)]), "too_many_columns"
    yield "names of nothing", lines({**good, "": 1, " ": 2, "*": 3, "__row_no": 4}), 1
    yield "a name of 100,000 signs", lines({**good, "n" * 100_000: 1}), 1
    yield "empty objects", lines({}, {}), "no_header"
    yield "the same name twice", lines('{"Order": "0", ' + json.dumps(good)[1:]), 1
