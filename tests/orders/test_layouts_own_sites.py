"""The exports of WooCommerce and Magento: what orders become, and which rows cannot."""

from decimal import Decimal

import pytest

from orders.models import Order
from tests.builders import make_shop
from tests.orders import exports_west as west
from tests.orders.files import accounted, imported, order, upload
from tests.orders.outcomes import changes_nothing, money, priced_lines, reasons

pytestmark = pytest.mark.django_db


@pytest.fixture
def woo():
    return make_shop("woo", platform="woocommerce", currency="USD", timezone="UTC")


@pytest.fixture
def magento():
    return make_shop("mage", platform="magento", currency="USD", timezone="UTC")


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
    assert priced_lines(woo, "901") == [("Tea, green", 2, Decimal("617.25"), Decimal("1234.50"))]
    one = order(woo, "901")
    assert (one.state, one.paid_amount, one.customer) == ("completed", Decimal("1234.50"), None)
    assert one.extra["Customer"] == "Ann Li" and one.extra["N. Revenue (formatted)"] == "$1,240.50"
    # Which of the two products cost how much is not told.
    assert priced_lines(woo, "902") == [] and money(woo, "902") == (20, 0, 0)
    assert order(woo, "902").extra["Product(s)"] == "1× Cup, 3× Tea, green"
    assert reasons(done) == [(4, "N. Revenue (formatted)", "currency")]
    assert accounted(done) and done.counts["anonymous_rows"] == 2
    assert changes_nothing(woo, content)


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
    assert priced_lines(woo, "77") == [("Tea", 2, Decimal("12.5"), 20), ("Cup", 1, 20, 20)]
    assert money(woo, "77") == (45, 45, 5)
    one = order(woo, "77")
    assert (one.customer.name, one.customer.email, one.customer.phone) == ("Ann Li", "ann@example.com", "+4722222222")
    assert (order(woo, "78").state, order(woo, "78").paid_at, order(woo, "78").customer) == ("closed", None, None)
    assert reasons(done) == [(5, "Quantity", "quantity_not_positive")]
    assert accounted(done)
    assert changes_nothing(woo, content)


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
    assert priced_lines(woo, "W-1") == [("Tea, green", 1, 450, 450), ("Cup; blue|white", 3, 10, 30)]
    assert list(order(woo, "W-1").lines.values_list("sku", flat=True)) == ["2898", "CUP"]
    assert str(order(woo, "W-1").placed_at) == "2016-05-31 00:37:00+00:00"
    assert (order(woo, "W-1").state, money(woo, "W-1")) == ("paid", (490, 490, 0))
    # A guest is known by e-mail, and customer 0 is nobody.
    assert order(woo, "2").customer == order(woo, "W-1").customer
    assert set(order(woo, "2").customer.identities.values_list("value", flat=True)) == {"12", "ann@example.com"}
    assert (order(woo, "W-3").state, priced_lines(woo, "W-3")) == ("refunded", [])
    # Four lines, but three rows of the file.
    assert done.counts["rows"] == 3 and accounted(done)
    assert changes_nothing(woo, content)


def test_one_bad_line_rejects_its_row_once_and_corrected_it_comes_back_whole(woo):
    bad = f"{TEA};{CUP};{CUP}".replace("quantity:3", "quantity:some")
    header = west.SKYVERGE
    done = imported(woo, west.export(header, skyverge("1", bad), skyverge("2", CUP)))
    assert reasons(done) == [(2, "line_items", "bad_quantity")]
    assert done.counts["rejected"] == {"bad_quantity": 1} and accounted(done)
    assert not Order.objects.filter(external_id="W-1").exists()
    corrected = {**skyverge("1", f"{TEA};{CUP};{CUP}"), "row": "2", "import": str(done.pk)}
    again = imported(woo, west.export([*header, "row", "column", "reason", "import"], corrected))
    assert [line[1] for line in priced_lines(woo, "W-1")] == [1, 3, 3]
    assert accounted(again)


def test_a_cell_of_endless_lines_is_rejected(woo):
    rows = [skyverge("1", ";".join([CUP] * 501)), skyverge("2", ";".join([CUP] * 500))]
    done = imported(woo, west.export(west.SKYVERGE, *rows))
    assert reasons(done) == [(2, "line_items", "too_many_lines")]
    assert order(woo, "W-2").lines.count() == 500


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
    assert changes_nothing(magento, content)


def test_a_multi_line_cell_does_not_shift_row_numbers(magento):
    done = upload(magento, west.export(west.MAGENTO, in_grid("1"), in_grid("2")))
    assert done.layout == "magento-grid"
