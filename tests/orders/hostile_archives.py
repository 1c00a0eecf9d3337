"""Hostile archives: see hostile.py."""

import gzip
import io
import stat
import struct
import zipfile
from collections.abc import Iterator
from functools import partial

from tests.orders.books import zipped
from tests.orders.hostile_words import GOOD, MB, Case, cut_at
from tests.orders.hostile_workbooks import bomb_book


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
