"""Exports of Shopify, WooCommerce, Amazon, Etsy and Magento: what they become, and which rows cannot."""

from decimal import Decimal

import pytest

from orders.importers import LAYOUTS
from orders.models import Order, Refund
from tests.builders import make_shop
from tests.orders import exports_west as west
from tests.orders.files import accounted, imported, order, story, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def shopify():
    return make_shop("teas", platform="shopify", currency="USD", timezone="America/New_York")


@pytest.fixture
def woo():
    return make_shop("woo", platform="woocommerce", currency="USD", timezone="UTC")


@pytest.fixture
def amazon():
    return make_shop("amz", platform="amazon", currency="USD", timezone="America/Los_Angeles")


@pytest.fixture
def etsy():
    return make_shop("etsy", platform="etsy", currency="EUR", timezone="Europe/Berlin")


@pytest.fixture
def magento():
    return make_shop("mage", platform="magento", currency="USD", timezone="UTC")


def lines(shop, number):
    return list(order(shop, number).lines.values_list("name", "quantity", "unit_price", "amount"))


def money(shop, number):
    one = order(shop, number)
    return one.total_amount, one.paid_amount, one.refunded_amount


def reasons(done):
    return list(done.rejected.values_list("row_no", "column", "code"))


def same_again(shop, content):
    """Whether the same file, imported again, changes nothing."""
    before = story(shop)
    done = imported(shop, content)
    return story(shop) == before and not done.counts["orders_created"] and not done.counts["orders_updated"]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (west.SHOPIFY_ORDERS, "shopify-orders"),
        (west.SHOPIFY_ORDERS_NEW, "shopify-orders"),
        (west.SHOPIFY_ORDERS_OLD, "shopify-orders"),
        (west.SHOPIFY_CUSTOMERS, "shopify-customers"),
        (west.SHOPIFY_CUSTOMERS_OLD, "shopify-customers"),
        (west.WOO_ANALYTICS, "woocommerce-analytics"),
        (west.WOO_ADVANCED, "woocommerce-advanced"),
        (west.SKYVERGE, "woocommerce-skyverge"),
        (west.AMAZON, "amazon-all-orders"),
        ([name for name in west.AMAZON if name != "url"], "amazon-all-orders"),
        (west.ETSY_ORDERS, "etsy-orders"),
        (west.ETSY_ITEMS, "etsy-items"),
        (west.MAGENTO, "magento-grid"),
        (west.YOUZAN_CUSTOMERS, "youzan-customers"),
        ([*reversed(west.MAGENTO), "ERP number"], "magento-grid"),
        (["Name", "Email", "Total"], None),
    ],
)
def test_each_export_is_recognised_by_its_columns_and_by_one_layout_only(header, name):
    stripped = [column.strip() for column in header]
    assert [layout.name for layout in LAYOUTS if layout.recognises(stripped)] == ([name] if name else [])


def test_the_shopify_header_is_the_whole_one():
    assert len(west.SHOPIFY_ORDERS) == 73


# --- Shopify

HEAD = {
    "Name": "#1001", "Email": "Ann@Example.com", "Financial Status": "paid", "Paid at": "2025-10-07 09:52:00 +0200",
    "Fulfillment Status": "fulfilled", "Fulfilled at": "2025-10-08 08:00:00 +0200", "Accepts Marketing": "yes",
    "Currency": "USD", "Subtotal": "47.00", "Shipping": "5.00", "Taxes": "0.00", "Total": "52.00",
    "Created at": "2025-10-07 09:50:26 +0200", "Lineitem quantity": "2", "Lineitem name": "Green tea",
    "Lineitem price": "20.00", "Lineitem sku": "TEA", "Lineitem discount": "3.00", "Billing Name": "Ann Li",
    "Billing Address1": "1 Main St", "Billing City": "Springfield", "Billing Zip": "'75008",
    "Billing Phone": "'+12025550123", "Shipping Name": "Her Friend", "Shipping City": "Chicago",
    "Shipping Country": "US", "Shipping Phone": "'+13125550199", "Refunded Amount": "0.00", "Id": "5501",
    "Vendor": "Teas", "Tags": "gift",
}  # fmt: skip
MORE = {
    "Name": "#1001", "Email": "Ann@Example.com", "Created at": "2025-10-07 09:50:26 +0200", "Lineitem quantity": "1",
    "Lineitem name": "Cup", "Lineitem price": "10.00", "Lineitem sku": "CUP", "Vendor": "Teas",
}  # fmt: skip
LATER = "2025-10-08 10:00:00 +0200"


def shopify_order(number, **cells):
    named = {name.replace("_", " "): value for name, value in cells.items()}
    return {**HEAD, "Name": number, "Lineitem discount": "0", **named}


def test_an_order_of_shopify_is_told_on_its_first_row_and_goes_on_below(shopify):
    content = west.export(west.SHOPIFY_ORDERS, HEAD, MORE, encoding="utf-8-sig")
    done = imported(shopify, content)
    one = order(shopify, "#1001")
    assert (one.state, one.platform_state) == ("shipped", "paid, fulfilled")
    assert money(shopify, "#1001") == (52, 52, 0)
    assert str(one.placed_at) == "2025-10-07 07:50:26+00:00" and str(one.paid_on) == "2025-10-07"
    assert str(one.shipped_at) == "2025-10-08 06:00:00+00:00"
    # 2 × 20 less the line's discount of 3.
    assert lines(shopify, "#1001") == [("Green tea", 2, 20, 37), ("Cup", 1, 10, 10)]
    assert (one.extra["Id"], one.extra["Billing Zip"], one.extra["Tags"]) == ("5501", "75008", "gift")
    ann = one.customer
    assert (ann.name, ann.phone, ann.email) == ("Ann Li", "+12025550123", "Ann@example.com")
    # Whom a parcel goes to need not be who bought.
    assert not ann.identities.filter(value="+13125550199").exists()
    # "Accepts Marketing: yes" is what the shop says, not what she said to us.
    assert one.extra["Accepts Marketing"] == "yes" and not ann.consents.exists()
    assert accounted(done)
    assert same_again(shopify, content)


@pytest.mark.parametrize(
    ("cells", "state", "amounts"),
    [
        ({"Financial_Status": "pending", "Paid_at": "", "Fulfillment_Status": ""}, "created", (52, 0, 0)),
        ({"Financial_Status": "authorized", "Paid_at": "", "Fulfillment_Status": "unfulfilled"}, "created", (52, 0, 0)),
        ({"Financial_Status": "paid", "Fulfillment_Status": "unfulfilled"}, "paid", (52, 52, 0)),
        ({"Financial_Status": "paid", "Fulfillment_Status": "partial"}, "shipped", (52, 52, 0)),
        ({"Financial_Status": "paid", "Paid_at": "", "Fulfillment_Status": ""}, "paid", (52, 52, 0)),
        ({"Financial_Status": "voided", "Paid_at": "", "Cancelled_at": LATER}, "closed", (52, 0, 0)),
        ({"Financial_Status": "voided", "Refunded_Amount": "0.00"}, "closed", (52, 0, 0)),
        ({"Financial_Status": "pending", "Paid_at": "", "Cancelled_at": LATER}, "closed", (52, 0, 0)),
        ({"Financial_Status": "paid", "Cancelled_at": LATER}, "refunding", (52, 52, 0)),
        ({"Financial_Status": "partially_refunded", "Refunded_Amount": "12.00"}, "shipped", (52, 52, 12)),
        ({"Financial_Status": "refunded", "Refunded_Amount": "52.00", "Cancelled_at": LATER},
         "refunded", (52, 52, 52)),
        ({"Financial_Status": "refunded", "Refunded_Amount": ""}, "refunded", (52, 52, 52)),
    ],
)  # fmt: skip
def test_payment_delivery_and_cancelling_make_one_state(shopify, cells, state, amounts):
    content = west.export(west.SHOPIFY_ORDERS, shopify_order("#7", **cells))
    imported(shopify, content)
    assert order(shopify, "#7").state == state
    assert money(shopify, "#7") == amounts
    assert same_again(shopify, content)


def test_of_a_part_payment_what_is_owed_is_taken_off(shopify):
    told = {"Financial_Status": "partially_paid", "Paid_at": "", "Fulfillment_Status": "", "Outstanding_Balance": "22"}
    imported(shopify, west.export(west.SHOPIFY_ORDERS_NEW, shopify_order("#8", **told)))
    assert (order(shopify, "#8").state, money(shopify, "#8")) == ("paid", (52, 30, 0))
    # An older export does not say how much came in: nothing is made up.
    told.pop("Outstanding_Balance")
    imported(shopify, west.export(west.SHOPIFY_ORDERS, shopify_order("#9", **told)))
    assert (order(shopify, "#9").state, money(shopify, "#9")) == ("created", (52, 0, 0))


def test_the_oldest_export_has_no_phone_column_but_the_bill_has_one(shopify):
    known = {name: value for name, value in HEAD.items() if name in west.SHOPIFY_ORDERS_OLD}
    imported(shopify, west.export(west.SHOPIFY_ORDERS_OLD, known))
    assert order(shopify, "#1001").customer.phone == "+12025550123"
    assert lines(shopify, "#1001") == [("Green tea", 2, 20, 40)]


def test_an_order_in_another_currency_is_rejected_and_the_next_one_is_not(shopify):
    rows = [shopify_order("#1", Currency="EUR"), shopify_order("#2"), shopify_order("#3", Total="many")]
    done = imported(shopify, west.export(west.SHOPIFY_ORDERS, *rows))
    assert reasons(done) == [(2, "Currency", "currency"), (4, "Total", "bad_amount")]
    assert "“EUR” in column Currency" in done.rejected.values_list("reason", flat=True)[0]
    assert list(Order.objects.values_list("external_id", flat=True)) == ["#2"]
    assert accounted(done)


def test_what_goes_on_below_a_rejected_row_waits_for_its_order(shopify):
    lone = {**MORE, "Name": "#5"}
    done = imported(shopify, west.export(west.SHOPIFY_ORDERS, shopify_order("#5", Total="many"), lone))
    assert not Order.objects.exists() and done.counts["parked_rows"] == 1
    assert accounted(done)
    corrected = {**shopify_order("#5"), "row": "2", "import": str(done.pk)}
    imported(shopify, west.export([*west.SHOPIFY_ORDERS, "row", "column", "reason", "import"], corrected))
    assert sorted(line[0] for line in lines(shopify, "#5")) == ["Cup", "Green tea"]
    assert money(shopify, "#5") == (52, 52, 0)


# --- WooCommerce


def test_the_analytics_table_tells_orders_without_buyers(woo):
    rows = [
        {"Date": "2024-03-05 14:22:01", "Order #": "901", "N. Revenue (formatted)": "$1,240.50", "Status": "completed",
         "Customer": "Ann Li", "Product(s)": "2× Tea, green", "Items sold": "2", "Net Sales": "1234.5"},
        {"Date": "2024-03-06 08:00:00", "Order #": "902", "N. Revenue (formatted)": "$20", "Status": "on-hold",
         "Product(s)": "1× Cup, 3× Tea, green", "Items sold": "4", "Net Sales": "20"},
        {"Date": "2024-03-06 09:00:00", "Order #": "903", "N. Revenue (formatted)": "৳2,999", "Status": "completed",
         "Product(s)": "1× Cup", "Items sold": "1", "Net Sales": "2999"},
    ]  # fmt: skip
    content = west.export(west.WOO_ANALYTICS, *rows)
    done = imported(woo, content)
    assert lines(woo, "901") == [("Tea, green", 2, Decimal("617.25"), Decimal("1234.50"))]
    one = order(woo, "901")
    assert (one.state, one.paid_amount, one.customer) == ("completed", Decimal("1234.50"), None)
    assert one.extra["Customer"] == "Ann Li" and one.extra["N. Revenue (formatted)"] == "$1,240.50"
    # Which of the two products cost how much is not told.
    assert lines(woo, "902") == [] and money(woo, "902") == (20, 0, 0)
    assert order(woo, "902").extra["Product(s)"] == "1× Cup, 3× Tea, green"
    assert reasons(done) == [(4, "N. Revenue (formatted)", "currency")]
    assert accounted(done) and done.counts["anonymous_rows"] == 2
    assert same_again(woo, content)


def test_an_analytics_table_without_net_sales_has_only_formatted_revenue(woo):
    header = [name for name in west.WOO_ANALYTICS if name != "Net Sales"]
    told = {"Date": "2024-03-05", "Order #": "5", "N. Revenue (formatted)": "$1,234.50", "Status": "processing"}
    imported(woo, west.export(header, told))
    assert (order(woo, "5").state, order(woo, "5").total_amount) == ("paid", Decimal("1234.50"))


def test_the_plugin_repeats_an_order_on_the_row_of_each_item(woo):
    head = {
        "Order Number": "77", "Order Status": "Completed", "Order Date": "2024-02-01 10:00:00",
        "First Name (Billing)": "Ann", "Last Name (Billing)": "Li", "City (Billing)": "Oslo",
        "Country Code (Billing)": "NO", "Email (Billing)": "ann@example.com", "Phone (Billing)": "+4722222222",
        "Order Refund Amount": "5", "Order Total Amount": "45.00",
    }  # fmt: skip
    tea = {"SKU": "TEA", "Name": "Tea", "Quantity": "2", "Item Cost": "12.50", "Order Line (w/o tax)": "20.00"}
    cup = {"SKU": "CUP", "Name": "Cup", "Quantity": "1", "Item Cost": "20.00", "Order Line (w/o tax)": "20.00"}
    gone = {"Order Number": "78", "Order Date": "2024-02-02", "Order Status": "Cancelled", "Order Total Amount": "9"}
    free = {**head, "Order Number": "79", "Order Status": "Printed", "SKU": "CUP", "Quantity": "0", "Item Cost": "1"}
    content = west.export(west.WOO_ADVANCED, head | tea, head | cup, gone | cup, free)
    done = imported(woo, content)
    assert lines(woo, "77") == [("Tea", 2, Decimal("12.5"), 20), ("Cup", 1, 20, 20)]
    assert money(woo, "77") == (45, 45, 5)
    one = order(woo, "77")
    assert (one.customer.name, one.customer.email, one.customer.phone) == ("Ann Li", "ann@example.com", "+4722222222")
    assert (order(woo, "78").state, order(woo, "78").paid_at, order(woo, "78").customer) == ("closed", None, None)
    assert reasons(done) == [(5, "Quantity", "quantity_not_positive")]
    assert accounted(done)
    assert same_again(woo, content)


TEA = (
    r"id:368|name:Tea\, green|product_id:2898|sku:|quantity:1|subtotal:500.00|subtotal_tax:0.00|total:450.00|"
    r"total_tax:0.00|refunded:0.00|refunded_qty:0|meta:Name=Ann Li,Address=24 Main St\, Oslo"
)
CUP = r"id:369|name:Cup; blue\|white|product_id:2899|sku:CUP|quantity:3|subtotal:30.00|total:30.00|meta:"


def skyverge(number, items, **cells):
    return {
        "order_id": number, "order_number_formatted": f"W-{number}", "date": "5/31/2016 0:37", "status": "processing",
        "order_total": "490.00", "refunded_total": "0.00", "order_currency": "USD", "customer_user": "12",
        "billing_first_name": "Ann", "billing_last_name": "Li", "billing_email": "ann@example.com",
        "line_items": items, **cells,
    }  # fmt: skip


def test_one_cell_holds_all_the_lines_of_an_order(woo):
    rows = [
        skyverge("1", f"{TEA};{CUP}"),
        skyverge("2", CUP, order_number_formatted="", date="2018-01-06 16:50:00", customer_user="0"),
        skyverge("3", "", status="refunded", order_total="20.00", refunded_total="20.00"),
    ]
    content = west.export(west.SKYVERGE, *rows)
    done = imported(woo, content)
    assert lines(woo, "W-1") == [("Tea, green", 1, 450, 450), ("Cup; blue|white", 3, 10, 30)]
    assert list(order(woo, "W-1").lines.values_list("sku", flat=True)) == ["2898", "CUP"]
    assert str(order(woo, "W-1").placed_at) == "2016-05-31 00:37:00+00:00"
    assert (order(woo, "W-1").state, money(woo, "W-1")) == ("paid", (490, 490, 0))
    # A guest is known by e-mail, and customer 0 is nobody.
    assert order(woo, "2").customer == order(woo, "W-1").customer
    assert set(order(woo, "2").customer.identities.values_list("value", flat=True)) == {"12", "ann@example.com"}
    assert (order(woo, "W-3").state, lines(woo, "W-3")) == ("refunded", [])
    # Four lines, but three rows of the file.
    assert done.counts["rows"] == 3 and accounted(done)
    assert same_again(woo, content)


def test_one_bad_line_rejects_its_row_once_and_corrected_it_comes_back_whole(woo):
    bad = f"{TEA};{CUP};{CUP}".replace("quantity:3", "quantity:some")
    header = west.SKYVERGE
    done = imported(woo, west.export(header, skyverge("1", bad), skyverge("2", CUP)))
    assert reasons(done) == [(2, "line_items", "bad_quantity")]
    assert done.counts["rejected"] == {"bad_quantity": 1} and accounted(done)
    assert not Order.objects.filter(external_id="W-1").exists()
    corrected = {**skyverge("1", f"{TEA};{CUP};{CUP}"), "row": "2", "import": str(done.pk)}
    again = imported(woo, west.export([*header, "row", "column", "reason", "import"], corrected))
    assert [line[1] for line in lines(woo, "W-1")] == [1, 3, 3]
    assert accounted(again)


def test_a_cell_of_endless_lines_is_rejected(woo):
    rows = [skyverge("1", ";".join([CUP] * 501)), skyverge("2", ";".join([CUP] * 500))]
    done = imported(woo, west.export(west.SKYVERGE, *rows))
    assert reasons(done) == [(2, "line_items", "too_many_lines")]
    assert order(woo, "W-2").lines.count() == 500


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
    assert lines(amazon, "111-1") == [("Tea", 2, Decimal("13.5"), 27), ("Cup", 1, 8, 8)]
    # 30 + 8 + 5 for delivery, less 3 and 1.
    assert money(amazon, "111-1") == (39, 39, 0)
    one = order(amazon, "111-1")
    assert (one.state, one.customer, one.extra["ship-city"]) == ("shipped", None, "Oslo")
    # Still the last day of the old year in Los Angeles.
    assert str(one.paid_on) == "2025-12-31"
    assert (order(amazon, "111-2").state, money(amazon, "111-2"), lines(amazon, "111-2")) == ("closed", (0, 0, 0), [])
    # A cancelled item is no line, and its price was not paid.
    assert (order(amazon, "111-3").state, len(lines(amazon, "111-3"))) == ("delivered", 1)
    assert money(amazon, "111-3") == (30, 30, 0)
    assert reasons(done) == [(7, "quantity", "bad_quantity"), (8, "currency", "currency")]
    assert accounted(done)
    assert same_again(amazon, content)


def test_a_pending_order_gets_its_prices_with_the_next_report(amazon):
    imported(amazon, amazon_file(item("111-9", order_status="Pending", item_price="", currency="")))
    assert (order(amazon, "111-9").state, money(amazon, "111-9")) == ("created", (0, 0, 0))
    assert lines(amazon, "111-9") == [("Tea", 2, 0, 0)]
    imported(amazon, amazon_file(item("111-9", last_updated_date="2026-01-03T00:00:00+00:00")))
    assert (order(amazon, "111-9").state, money(amazon, "111-9")) == ("shipped", (30, 30, 0))
    assert lines(amazon, "111-9") == [("Tea", 2, 15, 30)]


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
    assert same_again(etsy, content)


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
    assert lines(etsy, "4001") == [("Tea", 2, 30, 60), ("Cup", 1, Decimal("22.27"), Decimal("22.27"))]
    assert (order(etsy, "4001").state, money(etsy, "4001")[0]) == ("paid", Decimal("87.27"))
    assert same_again(etsy, content)


# --- Magento


def in_grid(number, **cells):
    named = {name.replace("_", " "): value for name, value in cells.items()}
    return {
        "ID": number, "Purchase Point": "Main Website\n  Main Store\n    English", "Status": "Complete",
        "Purchase Date": "2023-05-16 09:46:58", "Bill-to Name": "Ann Li", "Grand Total (Base)": "$219.40",
        "Grand Total (Purchased)": "$219.40", "Customer Email": "ann@example.com", "Total Refunded": "$0.00", **named,
    }  # fmt: skip


def test_the_grid_of_magento(magento):
    abroad = {"Grand Total (Purchased)": "€200.00"}
    rows = [
        in_grid("000001"),
        in_grid("000002", Purchase_Date="May 6, 2023 9:46:58 PM", Status="Processing", Total_Refunded="$19.40"),
        dict(zip(west.MAGENTO, west.MAGENTO, strict=True)),
        in_grid("000003", Status="Closed", Total_Refunded=""),
        in_grid("000004", Status="Pending", Customer_Email="", **{"Customer Name": "Bo"}),
        in_grid("000005", Total_Refunded="€200.00", **abroad),
        in_grid("000006", Total_Refunded="€50.00", **abroad),
        in_grid("000007", **{"Grand Total (Base)": "€219.40"}),
        in_grid("000008", Total_Refunded="$300.00"),
    ]
    content = west.export(west.MAGENTO, *rows)
    done = imported(magento, content)
    one = order(magento, "000001")
    assert (one.state, money(magento, "000001")) == ("completed", (Decimal("219.40"), Decimal("219.40"), 0))
    assert (one.customer.name, one.customer.email) == ("Ann Li", "ann@example.com")
    assert one.extra["Purchase Point"].startswith("Main Website\n")
    assert str(order(magento, "000002").paid_at) == "2023-05-06 21:46:58+00:00"
    assert order(magento, "000002").net_amount == 200
    # Closed is Magento's word for: the money was given back.
    assert (order(magento, "000003").state, order(magento, "000003").net_amount) == ("refunded", 0)
    assert (order(magento, "000004").state, order(magento, "000004").customer) == ("created", None)
    # Bought in euros and given back whole: the shop's own total says how much that was.
    assert money(magento, "000005") == (Decimal("219.40"),) * 3
    assert reasons(done) == [
        (4, "ID", "header_again"), (8, "Total Refunded", "currency"), (9, "Grand Total (Base)", "currency"),
        (10, "Total Refunded", "refund_too_large"),
    ]  # fmt: skip
    assert accounted(done)
    assert same_again(magento, content)


def test_a_multi_line_cell_does_not_shift_row_numbers(magento):
    done = upload(magento, west.export(west.MAGENTO, in_grid("1"), in_grid("2")))
    assert done.layout == "magento-grid"
