"""Files that tell only the lines of orders which another file brings, and rows that wait for their order."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from orders import importers, services
from orders.importers.platform import PlatformLayout
from orders.importers.undo import undo_import, undo_preview
from orders.models import Order, ParkedRow
from orders.upserting import OrderInput
from tests.builders import make_shop
from tests.orders.files import SIMPLE, accounted, imported, order, simple, story, upload

pytestmark = pytest.mark.django_db

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
TOLD = OrderInput(external_id="A1", placed_at=NOON, paid_at=NOON, state="paid", total_amount=Decimal(50))


class Details(PlatformLayout):
    name, title, platforms = "details", "Details", ()
    needs = frozenset({"Order no", "Article"})
    grain = "detail"
    columns = {
        "order_no": ["Order no"], "sku": ["Article"], "product_name": ["Name"], "quantity": ["Pieces"],
        "line_amount": ["Sum"],
    }  # fmt: skip


class FirstRowOnly(PlatformLayout):
    """What an order says stands on its first row; the rows below have a line and the number."""

    name, title, platforms = "first-row-only", "First row only", ()
    needs = frozenset({"No", "Bought"})
    grain = "continued"
    columns = {
        "order_no": ["No"], "placed_at": ["Bought"], "paid_at": ["Bought"], "order_total": ["Total"],
        "sku": ["Article"], "quantity": ["Pieces"], "line_amount": ["Sum"],
    }  # fmt: skip


@pytest.fixture(autouse=True)
def details_are_known(monkeypatch):
    monkeypatch.setattr(importers, "LAYOUTS", (Details(), FirstRowOnly(), *importers.LAYOUTS))


@pytest.fixture
def shop():
    return make_shop("tmall")


def lines(*rows: str) -> bytes:
    return "\n".join(["Order no,Article,Name,Pieces,Sum,Colour", *rows, ""]).encode()


A1 = ("A1,CUP,Cup,2,30,red", "A1,POT,Pot,1,25,")
REPORT = simple("A1,2024-01-01,2024-01-01,50,li")


def skus(shop, number: str) -> list[tuple[int, str, int]]:
    return list(order(shop, number).lines.values_list("line_no", "sku", "quantity"))


def test_lines_join_the_order_that_is_there_and_its_amounts_stay_as_reported(shop):
    imported(shop, REPORT, SIMPLE)
    done = imported(shop, lines(*A1))
    assert skus(shop, "A1") == [(1, "CUP", 2), (2, "POT", 1)]
    # The lines sum up to 55: shipping, discounts. What the report says counts.
    assert (order(shop, "A1").total_amount, order(shop, "A1").paid_amount) == (50, 50)
    assert order(shop, "A1").customer is not None
    assert done.counts["identified_rows"] == 2 and done.counts["orders_updated"] == 1
    assert accounted(done)


def test_lines_wait_for_their_order_and_the_report_brings_them_home(shop):
    waiting = imported(shop, lines(*A1, "B1,CUP,Cup,1,15,"))
    assert waiting.counts["parked_rows"] == 3 and accounted(waiting)
    assert not Order.objects.exists()
    done = imported(shop, REPORT, SIMPLE)
    assert skus(shop, "A1") == [(1, "CUP", 2), (2, "POT", 1)]
    assert order(shop, "A1").total_amount == 50
    assert done.counts["identified_rows"] == done.counts["rows"] == 1
    assert list(ParkedRow.objects.values_list("order_no", "row_no")) == [("B1", 4)]


def test_in_whichever_order_the_two_files_come_the_tables_are_alike(shop):
    other = make_shop("other")
    for content, columns in [(REPORT, SIMPLE), (lines(*A1), None), (REPORT, SIMPLE)]:
        imported(shop, content, columns)
    for content, columns in [(lines(*A1), None), (REPORT, SIMPLE), (lines(*A1), None)]:
        imported(other, content, columns)
    assert story(shop) == story(other)


def test_lines_come_home_to_an_order_that_a_program_tells(shop):
    imported(shop, lines(*A1))
    services.upsert_orders(shop=shop, orders=[TOLD, replace(TOLD, external_id="C1")])
    assert skus(shop, "A1") == [(1, "CUP", 2), (2, "POT", 1)] and skus(shop, "C1") == []
    assert not ParkedRow.objects.exists()


def test_a_report_after_the_details_deletes_no_line(shop):
    imported(shop, REPORT, SIMPLE)
    imported(shop, lines(*A1))
    imported(shop, simple("A1,2024-01-01,2024-01-01,49,li"), SIMPLE)
    assert order(shop, "A1").total_amount == 49
    assert len(skus(shop, "A1")) == 2


def test_a_later_file_is_the_whole_list_of_lines(shop):
    imported(shop, REPORT, SIMPLE)
    imported(shop, lines(*A1))
    imported(shop, lines("A1,POT,Pot,3,75,"))
    assert skus(shop, "A1") == [(1, "POT", 3)]


def test_of_two_files_that_wait_the_later_one_counts(shop):
    imported(shop, lines(*A1))
    imported(shop, lines("A1,POT,Pot,3,75,"))
    imported(shop, REPORT, SIMPLE)
    assert skus(shop, "A1") == [(1, "POT", 3)]
    assert not ParkedRow.objects.exists()


def test_another_shops_rows_stay_where_they_are(shop):
    imported(make_shop("other"), lines(*A1))
    imported(shop, REPORT, SIMPLE)
    assert skus(shop, "A1") == [] and ParkedRow.objects.count() == 2


def test_a_rejected_line_keeps_its_place_while_the_others_wait(shop):
    waiting = imported(shop, lines("A1,CUP,Cup,2,30,", "A1,BAD,Bad,none,5,", "A1,POT,Pot,1,25,"))
    assert waiting.counts["parked_rows"] == 2 and waiting.counts["rejected"] == {"bad_quantity": 1}
    imported(shop, REPORT, SIMPLE)
    assert skus(shop, "A1") == [(1, "CUP", 2), (2, "POT", 1)]
    fixed = f"Order no,Article,Name,Pieces,Sum,Colour,row,column,reason,import\nA1,BAD,Bad,4,5,,3,,,{waiting.pk}\n"
    done = imported(shop, fixed.encode())
    assert skus(shop, "A1") == [(1, "CUP", 2), (2, "POT", 1), (900_001, "BAD", 4)]
    assert order(shop, "A1").total_amount == 50 and accounted(done)


def test_a_corrected_line_may_wait_beside_the_others(shop):
    waiting = imported(shop, lines("A1,CUP,Cup,2,30,", "A1,BAD,Bad,none,5,"))
    fixed = f"Order no,Article,Name,Pieces,Sum,Colour,row,column,reason,import\nA1,BAD,Bad,4,5,,3,,,{waiting.pk}\n"
    imported(shop, fixed.encode())
    imported(shop, REPORT, SIMPLE)
    assert skus(shop, "A1") == [(1, "CUP", 2), (900_001, "BAD", 4)]


def test_a_second_import_of_both_changes_nothing(shop):
    imported(shop, REPORT, SIMPLE)
    imported(shop, lines(*A1))
    before = story(shop)
    again = imported(shop, lines(*A1))
    assert again.counts["orders_unchanged"] == 1 and again.counts["orders_updated"] == 0
    assert story(shop) == before


def test_what_no_field_tells_of_a_line_is_kept_with_the_order(shop):
    imported(shop, REPORT, SIMPLE)
    imported(shop, lines(*A1))
    assert order(shop, "A1").extra == {"Colour": "red"}


CONTINUED = "No,Bought,Total,Article,Pieces,Sum"


def test_first_row_and_rows_below_make_one_order(shop):
    rows = ["1,2024-01-01,60,CUP,2,30", "1,,,POT,1,25", "2,2024-01-01,9,CUP,1,9"]
    done = imported(shop, "\n".join([CONTINUED, *rows, ""]).encode())
    assert skus(shop, "1") == [(1, "CUP", 2), (2, "POT", 1)] and order(shop, "1").total_amount == 60
    assert done.counts["orders_created"] == 2 and accounted(done)


def test_rows_below_wait_for_a_first_row_that_was_rejected(shop):
    rows = ["1,yesterday,60,CUP,2,30", "1,,,POT,1,25"]
    waiting = imported(shop, "\n".join([CONTINUED, *rows, ""]).encode())
    assert not Order.objects.exists() and waiting.counts["parked_rows"] == 1 and accounted(waiting)
    fixed = f"{CONTINUED},row,column,reason,import\n1,2024-01-01,60,CUP,2,30,2,,,{waiting.pk}\n"
    imported(shop, fixed.encode())
    assert skus(shop, "1") == [(1, "POT", 1), (900_001, "CUP", 2)] and order(shop, "1").total_amount == 60
    assert not ParkedRow.objects.exists()


def test_the_lines_of_a_file_in_another_order_are_the_same_lines(shop):
    imported(shop, REPORT, SIMPLE)
    imported(shop, lines("A1,CUP,Cup,2,30,", "A1,POT,Pot,1,25,", "A1,BAD,Bad,none,5,"))
    imported(shop, lines("A1,BAD,Bad,none,5,", "A1,POT,Pot,1,25,", "A1,CUP,Cup,2,30,"))
    assert skus(shop, "A1") == [(1, "POT", 1), (2, "CUP", 2)]


def test_a_line_that_is_wrong_twice_keeps_its_place(shop):
    imported(shop, REPORT, SIMPLE)
    first = imported(shop, lines("A1,CUP,Cup,2,30,", "A1,BAD,Bad,none,5,"))
    head = "Order no,Article,Name,Pieces,Sum,Colour,row,column,reason,import"
    second = imported(shop, f"{head}\nA1,BAD,Bad,some,5,,3,,,{first.pk}\n".encode())
    imported(shop, f"{head}\nA1,BAD,Bad,4,5,,2,,,{second.pk}\n".encode())
    assert skus(shop, "A1") == [(1, "CUP", 2), (900_001, "BAD", 4)]


HEAD = "Order,Placed,Paid,SKU,Line,Status\n"
BY_LINE = {
    "order_no": "Order", "placed_at": "Placed", "paid_at": "Paid", "sku": "SKU", "line_amount": "Line",
    "status": "Status",
}  # fmt: skip


def test_the_refund_of_a_closed_order_grows_with_the_line_that_is_corrected(shop):
    rows = "1,2024-01-01,2024-01-02,A,30,closed\n1,2024-01-01,2024-01-02,B,lots,closed\n"
    done = imported(shop, f"{HEAD}{rows}".encode(), BY_LINE)
    assert (order(shop, "1").refunded_amount, order(shop, "1").net_amount) == (30, 0)
    row = f"1,2024-01-01,2024-01-02,B,20,closed,3,,,{done.pk}"
    fixed = upload(shop, f"{HEAD[:-1]},row,column,reason,import\n{row}\n".encode())
    services.assign_columns(import_file=fixed, columns=BY_LINE)
    services.import_here(import_file=fixed)
    closed = order(shop, "1")
    assert (closed.total_amount, closed.refunded_amount, closed.net_amount, closed.state) == (50, 50, 0, "refunded")
    assert closed.refunds.get().amount == 50


def test_lines_that_came_home_wait_again_when_the_report_is_taken_back(shop):
    imported(shop, lines(*A1))
    waiting = list(ParkedRow.objects.order_by("row_no").values())
    done = imported(shop, REPORT, SIMPLE)
    undo_import(import_file=done)
    assert list(ParkedRow.objects.order_by("row_no").values()) == waiting
    assert not Order.objects.exists()


def test_rows_that_wait_go_when_their_file_is_taken_back(shop):
    done = imported(shop, lines(*A1))
    assert undo_preview(done).parked == 2
    undo_import(import_file=done)
    assert not ParkedRow.objects.exists()


def test_a_detail_file_is_taken_back_and_the_lines_before_it_are_there_again(shop):
    imported(shop, REPORT, SIMPLE)
    imported(shop, lines(*A1))
    before = story(shop)
    done = imported(shop, lines("A1,POT,Pot,3,75,"))
    assert story(shop) != before
    undo_import(import_file=done)
    assert story(shop) == before
