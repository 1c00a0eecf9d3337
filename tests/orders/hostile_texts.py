"""Hostile texts: see hostile.py."""

import bz2
import codecs
import gzip
import json
import lzma
from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.orders.hostile_words import GOOD, HEADER, MB, ROW, Case, Maker, noise, pseudo, text
from tests.orders.hostile_workbooks import LAUGHS


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
