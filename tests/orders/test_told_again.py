"""A file that says what is known already: its orders are recognised by a digest, and nothing more is asked of them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings, strategies as st

from customers.models import Customer
from orders import services
from orders.importers import apply_sql
from orders.models import Order, OrderLine
from orders.upserting import LineInput, OrderInput
from tests.builders import make_shop
from tests.orders.files import accounted, imported, order, story

pytestmark = pytest.mark.django_db

COLUMNS = {
    "order_no": "Order", "placed_at": "Placed", "paid_at": "Paid", "sku": "SKU", "quantity": "Pieces",
    "line_amount": "Line", "status": "Status", "refund_amount": "Back", "buyer_id": "Buyer",
}  # fmt: skip
FIRST = (
    "1,2024-01-01,2024-01-01,TEA,1,40,paid,,li,urgent",
    "1,2024-01-01,2024-01-01,CUP,2,20,paid,,li,urgent",
    "2,2024-01-02,,TEA,1,30,created,,wang,",
    "3,2024-01-03,2024-01-03,POT,1,99,completed,9,,",
    "3,2024-01-03,2024-01-03,POT,none,99,completed,9,,",
    "4,2024-01-04,2024-01-04,TEA,1,40,closed,,zhao,",
)


def told(shop, *rows):
    content = "\n".join(["Order,Placed,Paid,SKU,Pieces,Line,Status,Back,Buyer,Note", *rows, ""]).encode()
    return imported(shop, content, COLUMNS)


def found(import_file):
    """What became of the rows, and of how much money."""
    told = {name: n for name, n in import_file.counts.items() if not name.startswith("ids_")}
    return {name: Decimal(n) if name.endswith("_amount") else n for name, n in told.items()}


@pytest.fixture
def shop():
    return make_shop("own", currency="CNY", timezone="Asia/Shanghai")


def asked_again(shop, *rows):
    """The import, and what it asked the lines that are there."""
    with CaptureQueriesContext(connection) as asked:
        again = told(shop, *rows)
    return again, [query["sql"] for query in asked if "INSERT INTO chunk_same" in query["sql"]]


def test_the_same_file_again_is_counted_as_if_every_row_had_been_compared(shop):
    first = told(shop, *FIRST)
    before = story(shop)
    known, recognising = asked_again(shop, *FIRST)
    assert recognising and story(shop) == before
    Order.objects.update(digest=None)
    compared, recognising = asked_again(shop, *FIRST)
    assert not recognising and story(shop) == before
    assert found(known) == found(compared) and accounted(known)
    assert (known.counts["orders_unchanged"], known.counts["orders_updated"]) == (4, 0)
    assert first.rejected.count() == known.rejected.count() == compared.rejected.count() == 1


def test_orders_that_are_recognised_are_not_written_and_stay_their_first_imports(shop):
    first = told(shop, *FIRST)
    written = dict(Order.objects.values_list("external_id", "updated_at"))
    told(shop, *FIRST)
    assert dict(Order.objects.values_list("external_id", "updated_at")) == written
    assert set(Order.objects.values_list("import_id", flat=True)) == {first.pk}


@pytest.mark.parametrize(
    ("place", "news", "changed"),
    [
        (0, "1,2024-01-01,2024-01-01,TEA,1,41,paid,,li,urgent", "1"),
        (1, "1,2024-01-01,2024-01-01,CUP,2,20,paid,,li,very urgent", "1"),
        (2, "2,2024-01-02,2024-01-05,TEA,1,30,paid,,wang,", "2"),
        (3, "3,2024-01-03,2024-01-03,POT,1,99,completed,99,,", "3"),
        (2, "2,2024-01-02,,TEA,1,30,created,,li,", "2"),
    ],
)
def test_one_other_cell_is_seen(shop, place, news, changed):
    told(shop, *FIRST)
    rows = [*FIRST[:place], news, *FIRST[place + 1 :]]
    again, recognising = asked_again(shop, *rows)
    assert recognising and again.counts["orders_updated"] == 1
    assert list(Order.objects.filter(import_id=again.pk).values_list("external_id", flat=True)) == [changed]
    other = make_shop("other", currency="CNY", timezone="Asia/Shanghai")
    told(other, *FIRST), Order.objects.filter(shop=other).update(digest=None), told(other, *rows)
    assert story(shop) == story(other)


def test_a_line_that_is_gone_or_comes_twice_is_seen(shop):
    told(shop, *FIRST)
    told(shop, FIRST[0], *FIRST[2:])
    assert order(shop, "1").lines.count() == 1
    told(shop, FIRST[0], FIRST[0], *FIRST[2:])
    assert order(shop, "1").lines.count() == 2


def test_what_a_program_told_since_is_compared_with_the_file(shop):
    told(shop, *FIRST)
    news = OrderInput(
        external_id="2", placed_at=datetime(2024, 1, 2, tzinfo=UTC), paid_at=datetime(2024, 1, 3, tzinfo=UTC),
        state="paid", buyer_id="wang", lines=[LineInput(quantity=3, unit_price=Decimal(10), sku="TEA")],
    )  # fmt: skip
    services.upsert_orders(shop=shop, orders=[news])
    assert order(shop, "2").digest is None and order(shop, "1").digest is not None
    services.upsert_orders(shop=shop, orders=[replace(news, state="shipped")])
    again = told(shop, *FIRST)
    assert (order(shop, "2").state, order(shop, "2").lines.get().quantity) == ("shipped", 3)
    assert again.counts["orders_unchanged"] == 4


def test_an_order_that_lost_its_customer_finds_them_again(shop):
    told(shop, *FIRST)
    Order.objects.filter(external_id="1").update(customer=None)
    told(shop, *FIRST)
    assert order(shop, "1").customer == Customer.objects.get(identities__value="li")


def test_another_zone_of_the_shop_makes_other_days(shop):
    told(shop, "7,2024-01-01T00:30:00+08:00,2024-01-01T00:30:00+08:00,TEA,1,40,paid,,li,")
    assert str(order(shop, "7").paid_on) == "2024-01-01"
    shop.timezone = "Europe/London"
    shop.save()
    told(shop, "7,2024-01-01T00:30:00+08:00,2024-01-01T00:30:00+08:00,TEA,1,40,paid,,li,")
    assert str(order(shop, "7").paid_on) == "2023-12-31"


def test_buyers_of_another_scope_are_other_people(shop):
    told(shop, *FIRST)
    before = order(shop, "1").customer
    shop.buyer_scope = "all shops"
    shop.save()
    told(shop, *FIRST)
    assert order(shop, "1").customer != before
    assert order(shop, "1").customer == Customer.objects.get(identities__value="li", identities__scope="all shops")


def test_what_the_statements_mean_is_part_of_the_digest(shop, monkeypatch):
    told(shop, *FIRST)
    monkeypatch.setattr(apply_sql, "MEANING", 2)
    OrderLine.objects.filter(order__external_id="1", sku="CUP").delete()
    told(shop, *FIRST)
    assert order(shop, "1").lines.count() == 2


CELLS = st.tuples(st.sampled_from("123"), st.sampled_from(["TEA", "CUP"]), st.integers(1, 2), st.sampled_from("wl"))
FILES = st.lists(st.lists(CELLS, min_size=1, max_size=5), min_size=2, max_size=4)


@settings(max_examples=12, deadline=None)
@given(files=FILES, again=st.lists(st.integers(0, 3), max_size=4))
def test_any_files_in_any_order_end_as_if_all_had_been_compared(files, again):
    """Two shops are told the same files, some of them again; one of them never recognises an order."""
    sequence = [*range(len(files)), *(place % len(files) for place in again)]
    with transaction.atomic():  # so that each example lets its tables go
        quick, slow = (make_shop(currency="CNY", timezone="Asia/Shanghai") for _shop in range(2))
        for place in sequence:
            rows = [f"{no},2024-01-01,2024-01-01,{sku},{n},{n}0,paid,,{who}," for no, sku, n, who in files[place]]
            told(quick, *rows)
            Order.objects.filter(shop=slow).update(digest=None)
            told(slow, *rows)
        assert story(quick) == story(slow)
        transaction.set_rollback(True)
