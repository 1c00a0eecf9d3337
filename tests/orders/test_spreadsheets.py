"""Workbooks, archives and NDJSON: the same table in any wrapping is the same import."""

import csv
import gzip
import json
from datetime import datetime
from typing import Any

import openpyxl
import pytest

from crm_suite.lib.errors import BadInput
from orders import selectors, services
from orders.importers import receiving, sandbox, spreadsheets
from tests.builders import make_shop
from tests.orders.books import saved, xls, xlsx, zipped
from tests.orders.files import SIMPLE, accounted, imported, order, retail, upload

pytestmark = pytest.mark.django_db

HEADER = ["Order", "Placed", "Paid", "Total", "Buyer"]
DAY = datetime(2024, 2, 1, 9, 30)
ROWS: list[list[Any]] = [HEADER, ["1930679858170647123", DAY, DAY, 12.5, 17850], ["2", DAY, None, 7, "李四"]]
TEXT = (
    "Order,Placed,Paid,Total,Buyer\n1930679858170647123,2024-02-01 09:30:00,2024-02-01 09:30:00,12.5,17850\n"
    "2,2024-02-01 09:30:00,,7,李四\n"
)
RETAIL_ROW = "1,A,cup,2,2010-12-01 08:26:00,2,7.0,UK"


@pytest.fixture
def shop():
    return make_shop("own", timezone="Asia/Shanghai")


def lines(*rows):
    return "\n".join(json.dumps(dict(zip(HEADER, row, strict=True)), default=str) for row in rows).encode()


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (xlsx(ROWS), "xlsx"),
        (xls(ROWS), "xls"),
        (gzip.compress(xlsx(ROWS)), "xlsx"),
        (zipped({"订单.xlsx": xlsx(ROWS)}), "xlsx"),
        (zipped({"订单.xls": xls(ROWS)}), "xls"),
        (zipped({"订单.csv": TEXT.encode("gb18030")}), "csv"),
        (zipped({"__MACOSX/._订单.csv": b"\x00", ".hidden": b"x", "订单.csv": TEXT.encode()}), "csv"),
        (TEXT.replace(",", "\t").encode("utf-16"), "csv"),
        (lines(*ROWS[1:]), "ndjson"),
        (gzip.compress(lines(*ROWS[1:])), "ndjson"),
    ],
)
def test_the_same_table_in_any_wrapping_is_the_same_import(shop, content, form):
    done = imported(shop, content, SIMPLE)
    assert done.options["format"] == form and done.part == ""
    first, second = order(shop, "1930679858170647123"), order(shop, "2")
    assert str(first.paid_at) == "2024-02-01 01:30:00+00:00" and str(first.total_amount) == "12.50"
    assert first.customer.identities.get().value == "17850"
    assert (second.paid_at, second.customer.identities.get().value) == (None, "李四")


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (17850.0, "17850"),
        (19.989999999999998, "19.99"),
        (1e-7, "0.0000001"),
        (-3, "-3"),
        (1930679858170647.0, "1930679858170647"),
        (1930679858170640.0, "1.93067985817064E+15"),
        (1.930679858170647e18, "1.93067985817065E+18"),
        (True, "TRUE"),
        (DAY, "2024-02-01 09:30:00"),
        (DAY.date(), "2024-02-01"),
        (DAY.time(), "09:30:00"),
        (datetime(2024, 2, 1, 9, 29, 59, 999_600), "2024-02-01 09:30:00"),
    ],
)
def test_cells_are_written_as_they_are_shown(cell, text):
    assert sandbox.written(cell) == text


def test_an_id_that_a_sheet_has_rounded_is_no_id(shop):
    rows: list[list[Any]] = [HEADER, [1930679858170647123, DAY, DAY, 5, "x"], ["1930679858170647123", DAY, DAY, 5, "x"]]
    done = imported(shop, xlsx(rows), SIMPLE)
    assert [row.code for row in done.rejected.all()] == ["shortened_number"]
    assert done.counts["orders_created"] == 1


def test_formulas_give_their_value_or_nothing_and_text_stays_text(shop):
    book = openpyxl.Workbook()
    for row in [HEADER, ["1", DAY, DAY, 5, "=never worked out"], ["2", DAY, DAY, 5, None]]:
        book.active.append(row)
    book.active["E3"].value, book.active["E3"].data_type = "=1+1", "s"
    imported(shop, saved(book), SIMPLE)
    assert order(shop, "1").customer is None
    assert order(shop, "2").customer.identities.get().value == "=1+1"


def test_of_several_sheets_the_one_that_is_recognised_is_taken_and_another_may_be_chosen(shop):
    table = [row.split(",") for row in retail(RETAIL_ROW).decode().split("\n") if row]
    content = xlsx({"说明": [["read me"]], "Orders": [HEADER, ["1", DAY, DAY, 5, "x"]], "Lines": table})
    received = upload(shop, content)
    assert (received.part, received.layout) == ("Lines", "online-retail")
    assert selectors.file_parts(received) == ["说明", "Orders", "Lines"]
    other = services.choose_source(import_file=received, part="Orders")
    assert (other.part, other.layout, other.header) == ("Orders", "", HEADER)
    receiving.working_copy(other).unlink()
    services.assign_columns(import_file=other, columns=SIMPLE)
    assert services.check_file(import_file=other).dry_run["orders"] == 1
    with pytest.raises(BadInput, match="no table of the name"):
        services.choose_source(import_file=received, part="Nowhere")


def test_an_archive_of_several_tables_names_them_whatever_system_made_it(shop):
    received = upload(shop, zipped({"b.csv": TEXT.encode(), "订单/a.xlsx": xlsx({"一": ROWS, "二": ROWS})}))
    assert selectors.file_parts(received) == ["b.csv", "订单/a.xlsx › 一", "订单/a.xlsx › 二"]
    assert services.choose_source(import_file=received, part="订单/a.xlsx › 二").header == HEADER
    gbk = zipped({"xx.csv": TEXT.encode(), "yy.csv": TEXT.encode()}).replace(b"xx.csv", "单".encode("gbk") + b".csv")
    assert selectors.file_parts(upload(shop, gbk)) == ["单.csv", "yy.csv"]


@pytest.mark.parametrize(
    "content",
    [
        xlsx([["订单导出 2024-02"], [], *ROWS]),
        ("订单导出 2024-02\n" + TEXT).encode(),
        ("订单导出 2024-02,,,,\n" + TEXT).encode(),
    ],
)
def test_a_title_above_the_header_is_skipped_and_told(shop, content):
    received = upload(shop, content)
    assert (received.header, received.options["title"]) == (HEADER, "订单导出 2024-02")
    services.assign_columns(import_file=received, columns=SIMPLE)
    assert services.check_file(import_file=received).dry_run["rows"] == 2


def test_one_column_over_rows_that_are_data_is_a_header(shop):
    received = upload(shop, b"Order\n1,2,3\n")
    assert (received.header, received.options["title"]) == (["Order"], "")


def test_nested_objects_become_columns_and_lists_stay_together(shop):
    rows = [
        {"id": 9007199254740993, "buyer": {"id": "x", "phone": {"home": None}}, "items": [{"sku": "A", "n": 1.10}]},
        {"id": 1e400, "paid": True, "buyer": {}},
    ]
    text = "\n".join(json.dumps(row) for row in rows).replace("Infinity", "1E400") + "\n\n"
    received = upload(shop, text.encode())
    assert received.header == ["id", "buyer.id", "buyer.phone.home", "items", "paid", "buyer"]
    copy = receiving.working_copy(received).read_text().splitlines()
    assert copy[1] == '9007199254740993,x,,"[{""sku"": ""A"", ""n"": 1.1}]",,'
    assert copy[2] == "1E400,,,,true,{}"


def test_a_workbook_that_takes_too_long_is_refused(shop, monkeypatch):
    monkeypatch.setattr(spreadsheets, "SECONDS", 0.01)
    with pytest.raises(BadInput, match="too large"):
        upload(shop, xlsx(ROWS))


def test_every_row_of_a_workbook_is_accounted_for(shop):
    done = imported(shop, xlsx([*ROWS, [], ["3", "soon", None, 5, "x"]]), SIMPLE)
    assert [(row.row_no, row.code) for row in done.rejected.all()] == [(5, "bad_date")]
    assert accounted(done)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Größe;Straße", "cp1252"), ("注文番号；名前", "cp932"), ("訂單編號", "cp950"), ("Заказ", "cp1251")],
)
def test_a_text_of_another_encoding_is_read_when_somebody_says_which(shop, text, encoding):
    content = f"Order,Placed,Paid,Total,Buyer\n1,2024-01-01,2024-01-01,5,{text} é\n".encode(encoding, "ignore")
    received = services.receive_file(shop=shop, name="a.csv", chunks=[content], encoding=encoding)
    services.assign_columns(import_file=received, columns=SIMPLE)
    receiving.working_copy(received).unlink()
    services.import_here(import_file=received)
    assert order(shop, "1").customer.identities.get().value.startswith(text)


def test_an_undecidable_text_waits_for_an_encoding_where_somebody_can_be_asked(shop):
    content = b"Order,Placed,Paid,Total,Buyer\n1,2024-01-01,2024-01-01,5,caf\xe9\xff\n"
    with pytest.raises(BadInput, match="neither UTF-8"):
        upload(shop, content)
    kept = services.receive_file(shop=shop, name="a.csv", chunks=[content], keep_undecided=True)
    assert kept.header == []
    readings = selectors.file_readings(kept)
    assert "caféÿ" in readings["cp1252"] and "utf-8" not in readings
    assert services.choose_source(import_file=kept, encoding="cp1252").header == HEADER
    with pytest.raises(BadInput, match="no text of this encoding"):
        services.choose_source(import_file=kept, encoding="utf-8")
    with pytest.raises(BadInput, match="no encoding"):
        services.choose_source(import_file=kept, encoding="rot13")


def test_whatever_a_cell_holds_stays_in_its_cell(shop):
    odd = ['say "hi"', "a,b", "two\nlines", " blanks ", "'=1", "_x0000_", "tab\there", "，＝", '"']
    rows: list[list[Any]] = [[f"c{n}" for n in range(len(odd))], odd, [None] * len(odd), [text[::-1] for text in odd]]
    received = upload(shop, xlsx(rows))
    with receiving.working_copy(received).open(newline="") as file:
        copied = list(csv.reader(file))
    assert copied[1] == [text.replace("_x0000_", "") for text in odd]
    assert copied[2] == [""] * len(odd) and copied[3] == rows[3]


def test_one_broken_table_does_not_take_the_others_with_it(shop):
    members = {"a.csv": TEXT.encode(), "b.xlsx": xlsx([[f"c{n}" for n in range(3_000)]]), "c.csv": TEXT.encode()}
    received = upload(shop, zipped(members))
    assert (received.part, received.header) == ("a.csv", HEADER)
    assert selectors.file_parts(received) == ["a.csv", "c.csv"]
