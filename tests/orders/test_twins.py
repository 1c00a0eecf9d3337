"""A Shopify store that was reset numbers its orders from the beginning: the same number, another order."""

import pytest
from django.urls import reverse

from orders.importers.undo import undo_import
from orders.models import Order
from tests.builders import make_shop, make_user
from tests.orders import exports_west as west
from tests.orders.files import accounted, imported, order, story

pytestmark = pytest.mark.django_db

FIRST = {
    "Name": "#1001", "Email": "ann@example.com", "Financial Status": "paid", "Paid at": "2024-01-07 09:52:00 +0000",
    "Currency": "USD", "Total": "20.00", "Created at": "2024-01-07 09:50:00 +0000", "Lineitem quantity": "1",
    "Lineitem name": "Tea", "Lineitem price": "20.00", "Lineitem sku": "TEA", "Id": "5501000000001",
}  # fmt: skip
MORE = {"Name": "#1001", "Email": "ben@example.com", "Lineitem quantity": "1", "Lineitem name": "Pot",
        "Lineitem price": "7.00", "Lineitem sku": "POT", "Created at": "2025-03-01 09:50:00 +0000"}  # fmt: skip
SECOND = {
    **FIRST, "Email": "ben@example.com", "Total": "37.00", "Lineitem price": "30.00", "Lineitem name": "Cup",
    "Lineitem sku": "CUP", "Created at": "2025-03-01 09:50:00 +0000", "Paid at": "2025-03-01 09:52:00 +0000",
    "Id": "6602000000002",
}  # fmt: skip
RENUMBERED = "#1001 (6602000000002)"


@pytest.fixture
def shop():
    return make_shop("teas", platform="shopify", currency="USD", timezone="UTC")


def tell(shop, *rows):
    return imported(shop, west.export(west.SHOPIFY_ORDERS, *rows))


def told(shop, number):
    one = order(shop, number)
    return one.customer.email, one.total_amount, [line.name for line in one.lines.order_by("line_no")]


BOTH = {"#1001": ("ann@example.com", 20, ["Tea"]), RENUMBERED: ("ben@example.com", 37, ["Cup", "Pot"])}


def everything(shop):
    numbers = Order.objects.filter(shop=shop).values_list("external_id", flat=True)
    return {number: told(shop, number) for number in numbers}


def test_an_order_of_a_taken_number_is_kept_beside_the_first(shop):
    tell(shop, FIRST)
    done = tell(shop, SECOND, MORE)
    assert everything(shop) == BOTH
    assert done.counts["renumbered"] == 1 and done.counts["orders_created"] == 1 and accounted(done)


def test_both_in_one_file_are_two_orders_as_well(shop):
    done = tell(shop, FIRST, SECOND, MORE)
    assert everything(shop) == BOTH and done.counts["orders_created"] == 2


def test_either_file_again_changes_nothing(shop):
    tell(shop, FIRST)
    tell(shop, SECOND, MORE)
    before = story(shop)
    for rows in ([SECOND, MORE], [FIRST], [FIRST, SECOND, MORE]):
        again = tell(shop, *rows)
        assert story(shop) == before and again.counts["orders_updated"] == again.counts["orders_created"] == 0


def test_the_same_order_in_two_files_stays_one(shop):
    tell(shop, FIRST)
    done = tell(shop, {**FIRST, "Fulfillment Status": "fulfilled"})
    assert (order(shop, "#1001").state, Order.objects.count()) == ("shipped", 1)
    assert "renumbered" not in done.counts


@pytest.mark.parametrize("spoiled", ["", "6.602E+12"])
def test_an_identifier_that_is_missing_or_spoiled_tells_nothing_apart(shop, spoiled):
    tell(shop, FIRST)
    tell(shop, {**FIRST, "Id": spoiled, "Fulfillment Status": "fulfilled"})
    assert (order(shop, "#1001").state, Order.objects.count()) == ("shipped", 1)


def test_a_rejected_row_of_the_second_finds_its_place_again(shop):
    tell(shop, FIRST)
    done = tell(shop, SECOND, {**MORE, "Lineitem quantity": "many"})
    rejected = done.rejected.get()
    assert (rejected.order_no, rejected.code) == (RENUMBERED, "bad_quantity")
    fix = {"row": str(rejected.row_no), "column": "Lineitem quantity", "reason": "", "import": str(done.pk)}
    imported(shop, west.export([*west.SHOPIFY_ORDERS, *fix], {**MORE, **fix}))
    assert everything(shop) == BOTH


def test_undoing_the_second_leaves_the_first(shop):
    tell(shop, FIRST)
    undo_import(import_file=tell(shop, SECOND, MORE))
    assert everything(shop) == {"#1001": BOTH["#1001"]}


def test_the_report_explains_it(shop, client):
    tell(shop, FIRST)
    done, plain = tell(shop, SECOND, MORE), tell(shop, FIRST)
    client.force_login(make_user("operator"))
    pages = [client.get(reverse("orders:import_detail", args=[one.pk])).content.decode() for one in (done, plain)]
    assert ["Orders kept under another number" in page for page in pages] == [True, False]
