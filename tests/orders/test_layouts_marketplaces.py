"""The exports of Amazon and Etsy: what orders become, and which rows cannot."""

from decimal import Decimal

import pytest

from orders.models import Refund
from tests.builders import make_shop
from tests.orders import exports_west as west
from tests.orders.files import accounted, imported, order
from tests.orders.outcomes import changes_nothing, money, priced_lines, reasons

pytestmark = pytest.mark.django_db


@pytest.fixture
def amazon():
    return make_shop("amz", platform="amazon", currency="USD", timezone="America/Los_Angeles")


@pytest.fixture
def etsy():
    return make_shop("etsy", platform="etsy", currency="EUR", timezone="Europe/Berlin")


# --- Amazon


def item(number, **cells):
    named = {name.replace("_", "-"): value for name, value in cells.items()}
    return {
        "amazon-order-id": number, "purchase-date": "2026-01-01T02:00:00+00:00",
        "last-updated-date": "2026-01-02T00:00:00+00:00", "order-status": "Shipped", "product-name": "Tea",
        "sku": "TEA", "item-status": "Shipped", "quantity": "2", "currency": "USD", "item-price": "30.00",
        "item-tax": "2.40", "ship-city": "Oslo", **named,
    }  # fmt: skip


def amazon_file(*rows):
    return west.export(west.AMAZON, *rows, delimiter="\t")


def test_items_of_amazon_add_up_to_orders_of_nobody(amazon):
    rows = [
        item("111-1", shipping_price="5.00", item_promotion_discount="3.00"),
        item("111-1", sku="CUP", product_name="Cup", quantity="1", item_price="8.00", ship_promotion_discount="1.00"),
        item("111-2", order_status="Cancelled", item_status="Cancelled", quantity="0", item_price="", currency=""),
        item("111-3", order_status="Shipped - Delivered to Buyer"),
        item("111-3", sku="CUP", item_status="Cancelled", quantity="0", item_price="8.00", shipping_price="2.00"),
        item("111-4", quantity="few"),
        item("111-5", currency="CAD"),
    ]
    content = amazon_file(*rows)
    done = imported(amazon, content)
    assert done.delimiter == "\t"
    assert priced_lines(amazon, "111-1") == [("Tea", 2, Decimal("13.5"), 27), ("Cup", 1, 8, 8)]
    # 30 + 8 + 5 for delivery, less 3 and 1.
    assert money(amazon, "111-1") == (39, 39, 0)
    one = order(amazon, "111-1")
    assert (one.state, one.customer, one.extra["ship-city"]) == ("shipped", None, "Oslo")
    # Still the last day of the old year in Los Angeles.
    assert str(one.paid_on) == "2025-12-31"
    assert (order(amazon, "111-2").state, money(amazon, "111-2"), priced_lines(amazon, "111-2")) == (
        "closed",
        (0, 0, 0),
        [],
    )
    # A cancelled item is no line, and its price was not paid.
    assert (order(amazon, "111-3").state, len(priced_lines(amazon, "111-3"))) == ("delivered", 1)
    assert money(amazon, "111-3") == (30, 30, 0)
    assert reasons(done) == [(7, "quantity", "bad_quantity"), (8, "currency", "currency")]
    assert accounted(done)
    assert changes_nothing(amazon, content)


def test_a_pending_order_gets_its_prices_with_the_next_report(amazon):
    imported(amazon, amazon_file(item("111-9", order_status="Pending", item_price="", currency="")))
    assert (order(amazon, "111-9").state, money(amazon, "111-9")) == ("created", (0, 0, 0))
    assert priced_lines(amazon, "111-9") == [("Tea", 2, 0, 0)]
    imported(amazon, amazon_file(item("111-9", last_updated_date="2026-01-03T00:00:00+00:00")))
    assert (order(amazon, "111-9").state, money(amazon, "111-9")) == ("shipped", (30, 30, 0))
    assert priced_lines(amazon, "111-9") == [("Tea", 2, 15, 30)]


# --- Etsy


def sold(number, **cells):
    named = {name.replace("_", " "): value for name, value in cells.items()}
    return {
        "Sale Date": "12/30/25", "Order ID": number, "Buyer User ID": "kj7", "Full Name": "Ann Li",
        "Number of Items": "2", "Street 1": "1 Main St", "Ship City": "Oslo", "Ship Country": "Norway",
        "Currency": "EUR", "Order Value": "82.27", "Shipping": "5.00", "Sales Tax": "0.00", "Order Total": "87.27",
        "Adjusted Order Total": "0.00", "SKU": "sku-a,sku-b", **named,
    }  # fmt: skip


def test_orders_of_etsy_are_paid_when_sold(etsy):
    rows = [
        sold("4001", Date_Shipped="01/02/26"),
        sold("4002", Order_Value="1.234,50", Order_Total="1.239,50", Adjusted_Order_Total="1.200,00"),
        sold("4003", Status="Canceled", Buyer_User_ID="other"),
        sold("4004", Status="Fully Refunded"),
        sold("4005", Sale_Date="30/12/25"),
        sold("4006", Currency="USD"),
    ]
    content = west.export(west.ETSY_ORDERS, *rows)
    done = imported(etsy, content)
    one = order(etsy, "4001")
    assert (one.state, str(one.paid_on)) == ("shipped", "2025-12-30")
    assert money(etsy, "4001") == (Decimal("87.27"), Decimal("87.27"), 0)
    assert str(one.shipped_at) == "2026-01-01 23:00:00+00:00"
    assert (one.customer.name, one.customer.identities.get().value) == ("Ann Li", "kj7")
    assert one.extra["SKU"] == "sku-a,sku-b" and not one.lines.exists()
    # The adjusted total is what is left.
    assert money(etsy, "4002") == (Decimal("1239.50"), Decimal("1239.50"), Decimal("39.50"))
    assert order(etsy, "4002").customer == one.customer
    assert (order(etsy, "4003").state, order(etsy, "4003").paid_at) == ("closed", None)
    assert (order(etsy, "4004").state, order(etsy, "4004").net_amount) == ("refunded", 0)
    assert reasons(done) == [(6, "Sale Date", "bad_date"), (7, "Currency", "currency")]
    assert Refund.objects.count() == 2
    assert accounted(done)
    assert changes_nothing(etsy, content)


def test_the_file_of_sold_items_brings_the_lines_of_known_orders(etsy):
    items = [
        {"Order ID": "4001", "Transaction ID": "9", "Item Name": "Tea", "SKU": "sku-a", "Quantity": "2",
         "Price": "30.00", "Item Total": "60.00", "Currency": "EUR", "Sale Date": "12/30/25"},
        {"Order ID": "4001", "Transaction ID": "10", "Item Name": "Cup", "SKU": "sku-b", "Quantity": "1",
         "Price": "22,27", "Item Total": "22,27", "Currency": "EUR", "Sale Date": "12/30/25"},
    ]  # fmt: skip
    content = west.export(west.ETSY_ITEMS, *items)
    imported(etsy, west.export(west.ETSY_ORDERS, sold("4001")))
    imported(etsy, content)
    assert priced_lines(etsy, "4001") == [("Tea", 2, 30, 60), ("Cup", 1, Decimal("22.27"), Decimal("22.27"))]
    assert (order(etsy, "4001").state, money(etsy, "4001")[0]) == ("paid", Decimal("87.27"))
    assert changes_nothing(etsy, content)
