"""The exports of Shopify: what orders become, and which rows cannot."""

import pytest

from orders.models import Order
from tests.builders import make_shop
from tests.orders import exports_west as west
from tests.orders.files import accounted, imported, order
from tests.orders.outcomes import changes_nothing, money, priced_lines, reasons

pytestmark = pytest.mark.django_db


@pytest.fixture
def shopify():
    return make_shop("teas", platform="shopify", currency="USD", timezone="America/New_York")


def test_the_shopify_header_is_the_whole_one():
    assert len(west.SHOPIFY_ORDERS) == 73


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
    assert priced_lines(shopify, "#1001") == [("Green tea", 2, 20, 37), ("Cup", 1, 10, 10)]
    assert (one.extra["Id"], one.extra["Billing Zip"], one.extra["Tags"]) == ("5501", "75008", "gift")
    ann = one.customer
    assert (ann.name, ann.phone, ann.email) == ("Ann Li", "+12025550123", "Ann@example.com")
    # Whom a parcel goes to need not be who bought.
    assert not ann.identities.filter(value="+13125550199").exists()
    # "Accepts Marketing: yes" is what the shop says, not what she said to us.
    assert one.extra["Accepts Marketing"] == "yes" and not ann.consents.exists()
    assert accounted(done)
    assert changes_nothing(shopify, content)


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
    assert changes_nothing(shopify, content)


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
    assert priced_lines(shopify, "#1001") == [("Green tea", 2, 20, 40)]


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
    assert sorted(line[0] for line in priced_lines(shopify, "#5")) == ["Cup", "Green tea"]
    assert money(shopify, "#5") == (52, 52, 0)
