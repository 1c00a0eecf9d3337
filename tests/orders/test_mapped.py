"""Files whose columns somebody assigns."""

from decimal import Decimal

import pytest

from crm_suite.lib.errors import BadInput
from customers.models import Customer
from orders import services
from orders.importers.synonyms import guess_columns
from orders.models import ImportMapping, Order, Refund
from tests.builders import make_shop
from tests.orders.files import SIMPLE, accounted, imported, order, simple, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def tmall():
    return make_shop("tmall", timezone="Asia/Shanghai")


def test_an_order_report_of_a_chinese_platform(tmall):
    content = (
        "订单编号,买家会员名,总金额,买家实际支付金额,订单状态,收货人姓名,联系手机,订单创建时间,订单付款时间 ,订单备注\n"
        '="1930679858170647",tb_li,¥1,5,交易成功,李四,138 0013 8000,2024-11-11 00:01:02,2024-11-11 00:02:00,急\n'
        '="1930679858170648",tb_wang,99.00元,0,等待买家付款,王五,139****1234,2024-11-11 00:05:00,,\n'
    ).replace("¥1,5", '"¥1,005.00",1005').encode("gb18030")  # fmt: skip
    columns = guess_columns(upload(tmall, content).header)
    assert columns["order_no"] == "订单编号" and columns["paid_at"] == "订单付款时间"
    done = imported(tmall, content, columns)
    assert done.encoding == "gb18030"
    paid = order(tmall, "1930679858170647")
    assert (paid.total_amount, paid.paid_amount, paid.state) == (Decimal("1005.00"), Decimal("1005.00"), "completed")
    assert str(paid.paid_at) == "2024-11-10 16:02:00+00:00" and str(paid.paid_on) == "2024-11-11"
    assert paid.extra == {"订单备注": "急"}
    assert (paid.customer.name, paid.customer.phone) == ("李四", "+8613800138000")
    unpaid = order(tmall, "1930679858170648")
    assert (unpaid.paid_at, unpaid.paid_amount, unpaid.total_amount) == (None, 0, 99)
    # A masked number is nobody's.
    assert unpaid.customer.phone == ""
    assert not unpaid.customer.identities.filter(kind="phone").exists()


def test_one_row_per_product_with_lines_and_products(tmall):
    content = b"Order,Placed,SKU,Item,Qty,Price,Buyer\n1,2024-01-01,A,Cup,2,3.335,x\n1,2024-01-01,B,Pot,1,20,x\n"
    columns = {
        "order_no": "Order", "placed_at": "Placed", "sku": "SKU", "product_name": "Item", "quantity": "Qty",
        "unit_price": "Price", "buyer_id": "Buyer",
    }  # fmt: skip
    imported(tmall, content, columns)
    one = order(tmall, "1")
    assert list(one.lines.values_list("name", "quantity", "amount")) == [
        ("Cup", 2, Decimal("6.67")),
        ("Pot", 1, Decimal("20.00")),
    ]
    assert one.total_amount == Decimal("26.67")
    assert sorted(tmall.products.values_list("sku", flat=True)) == ["A", "B"]
    # Nothing says that it was paid.
    assert one.state == "created" and one.paid_at is None


def test_product_words_without_an_amount_stay_with_the_order(tmall):
    content = b"Order,Placed,Total,Item\n1,2024-01-01,5,Cup\n"
    columns = {"order_no": "Order", "placed_at": "Placed", "order_total": "Total", "product_name": "Item"}
    imported(tmall, content, columns)
    assert order(tmall, "1").extra == {"Item": "Cup"}
    assert not order(tmall, "1").lines.exists()


def test_a_refund_column_becomes_a_refund_row_of_the_order(tmall):
    content = (
        b"Order,Placed,Paid,Total,Buyer,Back\n"
        b"1,2024-01-01,2024-01-02,50,x,20\n"
        b"2,2024-01-01,2024-01-02,50,y,50\n"
        b"3,2024-01-01,2024-01-02,50,z,\n"
    )
    columns = {**SIMPLE, "refund_amount": "Back"}
    imported(tmall, content, columns)
    assert (order(tmall, "1").refunded_amount, order(tmall, "1").net_amount) == (20, 30)
    assert order(tmall, "2").state == "refunded"
    back = Refund.objects.order_by("order__external_id")
    assert [f"{refund.order} {refund.amount}" for refund in back] == ["1 20.00", "2 50.00"]
    later = content.replace(b"x,20", b"x,35")
    imported(tmall, later, columns)
    assert order(tmall, "1").refunded_amount == 35
    assert Refund.objects.count() == 2


def test_a_paid_order_that_was_closed_gave_its_money_back(tmall):
    rows = "1,2024-01-01,2024-01-02,50,x,交易关闭\n2,2024-01-01,,50,y,交易关闭\n"
    content = f"Order,Placed,Paid,Total,Buyer,Status\n{rows}".encode()
    imported(tmall, content, {**SIMPLE, "status": "Status"})
    assert (order(tmall, "1").net_amount, order(tmall, "1").state) == (0, "refunded")
    assert (order(tmall, "2").paid_at, order(tmall, "2").state) == (None, "closed")
    assert Refund.objects.count() == 1


def test_a_closed_order_of_which_nothing_was_paid_is_no_purchase(tmall):
    content = b"Order,Placed,Paid,Total,Buyer,Got,State\n1,2024-01-01,2024-01-01,9,x,0,closed\n"
    gift = b"2,2024-01-01,2024-01-01,9,x,0,paid\n"
    imported(tmall, content + gift, {**SIMPLE, "paid_amount": "Got", "status": "State"})
    assert (order(tmall, "1").state, order(tmall, "1").paid_at) == ("closed", None)
    # A gift was bought, for nothing.
    assert [one.external_id for one in Order.objects.paid()] == ["2"]


@pytest.mark.parametrize("written", ["€20", "20 EUR", "$20", "US$20", "HK$ 20.00"])
def test_an_amount_in_another_currency_is_rejected(tmall, written):
    rows = [f"{number},2024-01-01,,{cell},x" for number, cell in enumerate([written, "CN¥20", "20 RMB"], start=1)]
    done = imported(tmall, simple(*rows), SIMPLE)
    assert list(done.rejected.values_list("row_no", "column", "code")) == [(2, "Total", "currency")]
    assert sorted(Order.objects.values_list("external_id", "total_amount")) == [("2", 20), ("3", 20)]
    assert accounted(done)


def test_amounts_divided_on_the_rows_are_summed_only_when_told(tmall):
    content = simple("1,2024-01-01,2024-01-01,30,x", "1,2024-01-01,2024-01-01,70,x")
    repeated = make_shop("jd")
    imported(tmall, content, SIMPLE, {"per_row": "1"})
    imported(repeated, content, SIMPLE)
    assert order(tmall, "1").total_amount == 100
    assert order(repeated, "1").total_amount == 70


@pytest.mark.parametrize(
    ("written", "dates", "day"),
    [
        ("2024-02-01", "ymd", "2024-02-01"),
        ("2024/2/1 9:30", "ymd", "2024-02-01"),
        ("2024年2月1日", "ymd", "2024-02-01"),
        ("01/02/2024", "dmy", "2024-02-01"),
        ("02/01/2024 09:30", "mdy", "2024-02-01"),
        ("2024-01-31T20:00:00.000Z", "ymd", "2024-02-01"),
        ("2024-01-31 14:00:00 +0200", "ymd", "2024-01-31"),
    ],
)
def test_dates_as_people_write_them(tmall, written, dates, day):
    imported(tmall, simple(f"1,{written},{written},30,x"), SIMPLE, {"dates": dates})
    assert str(order(tmall, "1").paid_on) == day


@pytest.mark.parametrize("written", ["2024-02-30", "soon", "01/02/2024", "2024-02-01 25:00:00"])
def test_a_date_that_is_none_or_could_be_two_is_rejected(tmall, written):
    done = imported(tmall, simple(f"1,{written},{written},30,x", "2,2024-02-01,2024-02-01,30,x"), SIMPLE)
    assert done.rejected.get().code == "bad_date"
    assert done.counts["orders_created"] == 1


def test_a_decimal_comma_is_read_only_where_it_is_told(tmall):
    content = b"Order;Placed;Paid;Total;Buyer\n1;2024-01-01;2024-01-01;1.234,50;x\n"
    imported(tmall, content, SIMPLE, {"decimal": ","})
    assert order(tmall, "1").total_amount == Decimal("1234.50")


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("1,2024-01-01,2024-01-01,-5,x", "negative_amount"),
        ("1,2024-01-01,2024-01-01,lots,x", "bad_amount"),
        ("1,2024-01-01,2024-01-01,,x", "no_amount"),
        ("1,,,5,x", "no_date"),
        ("1.93068E+15,2024-01-01,2024-01-01,5,x", "shortened_number"),
    ],
)
def test_bad_cells_reject_their_row_only(tmall, row, code):
    done = imported(tmall, simple(row, "2,2024-01-01,2024-01-01,5,y"), SIMPLE)
    assert done.rejected.get().code == code
    assert done.counts["orders_created"] == 1
    assert accounted(done)


def test_buyers_are_known_by_id_then_phone_then_email(tmall):
    content = (
        b"Order,Placed,Paid,Total,Buyer,Phone,Mail\n"
        b"1,2024-01-01,2024-01-01,5,li,13800138000,\n"
        b"2,2024-01-02,2024-01-02,5,,138-0013-8000,\n"
        b"3,2024-01-03,2024-01-03,5,,,Li@Example.com\n"
        b"4,2024-01-04,2024-01-04,5,,13900139000,li@example.com\n"
        b"5,2024-01-05,2024-01-05,5,,,\n"
    )
    imported(tmall, content, {**SIMPLE, "phone": "Phone", "email": "Mail"})
    buyers = {number: order(tmall, number).customer_id for number in "12345"}
    assert buyers["1"] == buyers["2"]
    assert buyers["3"] == buyers["4"] != buyers["1"]
    assert buyers["5"] is None
    assert Customer.objects.count() == 2


def test_a_demo_buyer_and_a_real_one_never_meet(tmall):
    demo = make_shop("demo", is_demo=True, book="CNY demo")
    content = b"Order,Placed,Paid,Total,Phone\n1,2024-01-01,2024-01-01,5,13800138000\n"
    columns = {"order_no": "Order", "placed_at": "Placed", "paid_at": "Paid", "order_total": "Total", "phone": "Phone"}
    imported(tmall, content, columns)
    imported(demo, content, columns)
    assert order(tmall, "1").customer != order(demo, "1").customer
    assert order(demo, "1").customer.is_demo and not order(tmall, "1").customer.is_demo


def test_a_mapping_is_kept_and_offered_for_the_same_columns_in_another_order(tmall):
    first = upload(tmall, simple("1,2024-01-01,2024-01-01,5,x"))
    services.assign_columns(import_file=first, columns=SIMPLE, save_as="Our export")
    assert ImportMapping.objects.get().columns == SIMPLE
    second = upload(tmall, b"Buyer,Total,Paid,Placed,Order\nx,5,2024-01-01,2024-01-01,1\n")
    assert services.suggested_columns(import_file=second) == SIMPLE
    other = upload(tmall, b"Buyer,Total,Order\nx,5,1\n")
    assert services.suggested_columns(import_file=other) != SIMPLE


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"placed_at": "Placed", "order_total": "Total"}, "Order number"),
        ({"order_no": "Order", "order_total": "Total"}, "Placed at or paid at"),
        ({"order_no": "Order", "placed_at": "Placed"}, "An amount"),
        ({**SIMPLE, "sku": "Nowhere"}, "Nowhere"),
    ],
)
def test_an_incomplete_mapping_names_what_is_missing(tmall, columns, word):
    import_file = upload(tmall, simple("1,2024-01-01,2024-01-01,5,x"))
    with pytest.raises(BadInput, match=word):
        services.assign_columns(import_file=import_file, columns=columns)


def test_older_news_never_overwrites_newer(tmall):
    def told(total: int, changed: str, state: str) -> bytes:
        row = f"1,2024-01-01,2024-01-01,{total},x,{changed},{state}"
        return f"Order,Placed,Paid,Total,Buyer,Changed,Status\n{row}\n".encode()

    columns = {**SIMPLE, "updated_at": "Changed", "status": "Status"}
    imported(tmall, told(50, "2024-01-05", "delivered"), columns)
    old = imported(tmall, told(40, "2024-01-03", "shipped"), columns)
    assert (order(tmall, "1").total_amount, order(tmall, "1").state) == (50, "delivered")
    assert old.counts["orders_unchanged"] == 1
    new = imported(tmall, told(45, "2024-01-07", "shipped"), columns)
    assert (order(tmall, "1").total_amount, order(tmall, "1").state) == (45, "shipped")
    assert new.counts["orders_updated"] == 1


def test_without_a_time_of_change_a_state_only_moves_forward(tmall):
    def told(state: str) -> bytes:
        return f"Order,Placed,Total,Buyer,Status\n1,2024-01-01,9,x,{state}\n".encode()

    columns = {
        "order_no": "Order",
        "placed_at": "Placed",
        "order_total": "Total",
        "buyer_id": "Buyer",
        "status": "Status",
    }
    for state, expected in [("shipped", "shipped"), ("pending", "shipped"), ("completed", "completed")]:
        imported(tmall, told(state), columns)
        assert order(tmall, "1").state == expected


def test_a_file_without_a_column_empties_nothing(tmall):
    imported(tmall, simple("1,2024-01-01,2024-01-02,50,x"), SIMPLE)
    imported(
        tmall,
        b"Order,Placed,Total\n1,2024-01-01,50\n",
        {"order_no": "Order", "placed_at": "Placed", "order_total": "Total"},
    )
    kept = order(tmall, "1")
    assert kept.customer is not None and kept.paid_at is not None and kept.paid_amount == 50


def test_yen_has_no_cents():
    tokyo = make_shop("tokyo", currency="JPY", timezone="Asia/Tokyo")
    content = b"Order,Placed,Qty,Price\n1,2024-01-01,3,33.5\n"
    imported(tokyo, content, {"order_no": "Order", "placed_at": "Placed", "quantity": "Qty", "unit_price": "Price"})
    assert order(tokyo, "1").total_amount == 101


def test_a_paid_order_that_was_closed_gave_its_lines_back(tmall):
    rows = ["1,2024-01-01,2024-01-02,30,closed", "1,2024-01-01,2024-01-02,20,closed", "2,2024-01-01,2024-01-02,9,paid"]
    content = "\n".join(["Order,Placed,Paid,Line,Status", *rows, ""]).encode()
    columns = {"order_no": "Order", "placed_at": "Placed", "paid_at": "Paid", "line_amount": "Line", "status": "Status"}
    imported(tmall, content, columns)
    assert (order(tmall, "1").net_amount, order(tmall, "1").state) == (0, "refunded")
    assert list(Order.objects.paid().values_list("external_id", flat=True)) == ["2"]
    assert imported(tmall, content, columns).counts["orders_unchanged"] == 2


def test_a_nick_of_which_the_platform_hid_a_part_is_nobodys(tmall):
    rows = ["1,2024-01-01,2024-01-01,5,t**8", "2,2024-01-01,2024-01-01,5,t**8", "3,2024-01-01,2024-01-01,5,t8"]
    done = imported(tmall, simple(*rows), SIMPLE)
    assert [order(tmall, number).customer is None for number in "123"] == [True, True, False]
    assert Customer.objects.count() == 1 and accounted(done)


def test_a_phone_that_becomes_known_later_joins_the_next_shops_orders(tmall):
    jd = make_shop("jd")
    head, columns = "Order,Placed,Paid,Total,Buyer,Phone,Mail\n", {**SIMPLE, "phone": "Phone", "email": "Mail"}
    told = [
        (tmall, "1,2024-01-01,2024-01-01,5,li,,li@example.com"),
        (tmall, "2,2024-01-02,2024-01-02,5,li,13800138000,gift@example.com"),
        (jd, "3,2024-01-03,2024-01-03,5,jd_li,13800138000,"),
        (jd, "4,2024-01-04,2024-01-04,5,friend,,gift@example.com"),
    ]
    for shop, row in told:
        imported(shop, f"{head}{row}\n".encode(), columns)
    li = order(tmall, "1").customer
    assert (order(jd, "3").customer, li.phone) == (li, "+8613800138000")
    # Their e-mail was known already: another one on an order may be a friend's.
    assert order(jd, "4").customer != li


@pytest.mark.parametrize(
    ("written", "decimal", "amount"),
    [
        ("1,234.50", ".", "1234.50"), ("1234,50", ".", None), ("1.234,50", ".", None), ("１２", ".", None),
        ("1.234,50", ",", "1234.50"), ("12,50", ",", "12.50"), ("12.50", ",", None), ("1.234", ",", "1234"),
    ],
)  # fmt: skip
def test_an_amount_is_read_exactly_or_rejected(tmall, written, decimal, amount):
    content = f"Order;Placed;Paid;Total;Buyer\n1;2024-01-01;2024-01-01;{written};x\n".encode()
    done = imported(tmall, content, SIMPLE, {"decimal": decimal})
    assert [one.total_amount for one in Order.objects.all()] == ([Decimal(amount)] if amount else [])
    assert done.counts["rejected"] == ({} if amount else {"bad_amount": 1})


def test_a_line_beyond_all_measure_is_rejected_and_stops_nobody(tmall):
    rows = "1,2024-01-01,999999999999,2000000000,x\n2,2024-01-01,5,1,x\n"
    columns = {
        "order_no": "Order",
        "placed_at": "Placed",
        "unit_price": "Price",
        "quantity": "Qty",
        "buyer_id": "Buyer",
    }
    done = imported(tmall, f"Order,Placed,Price,Qty,Buyer\n{rows}".encode(), columns)
    assert done.rejected.get().code == "too_much" and accounted(done)
    assert Order.objects.get().external_id == "2"
