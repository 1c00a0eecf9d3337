"""The exports of Douyin shops, a row per sub-order, from their bytes to the tables."""

from decimal import Decimal

import pytest

from customers.models import Customer
from orders.models import Refund
from tests.builders import make_shop
from tests.orders import exports_cn as exports
from tests.orders.exports_cn import written
from tests.orders.files import imported, order
from tests.orders.outcomes import amounts, changes_nothing, keys, lines

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop("shop", timezone="Asia/Shanghai")


DOUYIN_CUP = {
    "主订单编号": "\t6917926768823643751",
    "子订单编号": "\t6917926768823709287",
    "选购商品": "保温杯",
    "商品数量": "1",
    "商品ID": "\t3520001112223334",
    "商家编码": "-",
    "商品单价": "1,299.00",
    "订单应付金额": "1,199.00",
    "商家优惠": "店铺满减-100.00",
    "收件人": "##8Jk2Lw==密文",
    "收件人手机号": "$$9aaB==密文",
    "省": "浙江省",
    "市": "杭州市",
    "区": "西湖区",
    "详细地址": "##77aabb==",
    "订单提交时间": "2024-06-18 00:01:00",
    "支付完成时间": "2024-06-18 00:01:30",
    "订单完成时间": "-",
    "订单状态": "已发货",
    "售后状态": "-",
    "发货时间": "2024-06-19 08:00:00",
}
DOUYIN_POT = {
    **DOUYIN_CUP, "子订单编号": "\t6917926768823774823", "选购商品": "茶壶", "商品数量": "2", "商家编码": "POT",
    "商品单价": "50.00", "订单应付金额": "99.00", "商家优惠": "-",
}  # fmt: skip


def douyin(*rows, header=exports.DOUYIN):
    return written(header, *rows, quoted=True).encode("utf-8-sig")


def test_douyin_orders_are_the_sum_of_their_sub_orders(shop):
    content = douyin(DOUYIN_CUP, DOUYIN_POT)
    done = imported(shop, content)
    assert done.layout == "douyin-orders" and done.counts["orders_created"] == 1
    one = order(shop, "6917926768823643751")
    assert amounts(one) == (Decimal("1298.00"), Decimal("1298.00"), 0)
    assert lines(one) == [("3520001112223334", "保温杯", 1, Decimal("1199.00")), ("POT", "茶壶", 2, Decimal("99.00"))]
    assert (one.state, one.delivered_at) == ("shipped", None)
    # Who it was is encrypted: that is nobody's key, and no name.
    assert one.customer is None and not Customer.objects.exists()
    assert "##" not in str(one.extra) and "$$" not in str(one.extra)
    assert changes_nothing(shop, content)


def test_a_sub_order_given_back_leaves_the_rest(shop):
    imported(shop, douyin(DOUYIN_CUP, {**DOUYIN_POT, "售后状态": "退款成功", "订单状态": "已关闭"}))
    one = order(shop, "6917926768823643751")
    assert amounts(one) == (Decimal("1298.00"), Decimal("1298.00"), Decimal("99.00"))
    assert (one.state, Refund.objects.count()) == ("shipped", 1)


POT_CLOSED = {**DOUYIN_POT, "订单状态": "已关闭", "支付完成时间": "-"}


def test_a_closed_sub_order_is_no_part_of_what_was_paid(shop):
    content = douyin(DOUYIN_CUP, POT_CLOSED)
    imported(shop, content)
    one = order(shop, "6917926768823643751")
    assert amounts(one) == (Decimal("1298.00"), Decimal("1199.00"), 0) and one.state == "shipped"
    assert changes_nothing(shop, content)


def test_a_sub_order_closed_after_the_payment_takes_its_share_along(shop):
    imported(shop, douyin(DOUYIN_CUP, DOUYIN_POT))
    short = [{name: row[name] for name in exports.DOUYIN_SHORT if name in row} for row in (DOUYIN_CUP, POT_CLOSED)]
    imported(shop, douyin(*short, header=exports.DOUYIN_SHORT))
    assert amounts(order(shop, "6917926768823643751"))[1:] == (Decimal("1199.00"), 0)
    imported(shop, douyin(*[{**row, "订单状态": "已关闭"} for row in short], header=exports.DOUYIN_SHORT))
    assert order(shop, "6917926768823643751").paid_on is None


def test_a_corrected_sub_order_adds_to_what_its_siblings_paid(shop):
    lamp = {**DOUYIN_CUP, "子订单编号": "\t3", "商家编码": "LAMP", "选购商品": "台灯", "订单应付金额": "10.00"}
    done = imported(shop, douyin(DOUYIN_CUP, POT_CLOSED, {**lamp, "商品数量": "many"}))
    assert done.counts["rejected"] == {"bad_quantity": 1}
    rejected = done.rejected.get()
    fix = {"row": str(rejected.row_no), "column": "商品数量", "reason": "", "import": str(done.pk)}
    for _again in range(2):
        imported(shop, douyin({**lamp, **fix}, header=[*exports.DOUYIN, *fix]))
        one = order(shop, "6917926768823643751")
        assert amounts(one)[:2] == (Decimal("1308.00"), Decimal("1209.00")) and one.lines.count() == 3


def test_two_sub_orders_given_back_are_the_whole_order(shop):
    back = {"售后状态": "退款成功", "订单状态": "已关闭"}
    imported(shop, douyin({**DOUYIN_CUP, **back}, {**DOUYIN_POT, **back}))
    one = order(shop, "6917926768823643751")
    assert (one.state, one.refunded_amount, one.net_amount) == ("refunded", Decimal("1298.00"), 0)


def test_douyins_short_selection_with_a_receiver_in_clear(shop):
    row = {name: DOUYIN_CUP[name] for name in exports.DOUYIN_SHORT if name in DOUYIN_CUP}
    clear = {**row, "收件人": "孙丽", "收件人手机号": "13600136000", "详细地址": "幸福路1号"}
    closed = {**row, "主订单编号": "\t2", "订单状态": "已关闭", "发货时间": "-"}
    hidden = {**row, "主订单编号": "\t3", "收件人": "孙*", "收件人手机号": "1**********", "订单状态": "待发货"}
    imported(shop, douyin(clear, closed, hidden, header=exports.DOUYIN_SHORT))
    one = order(shop, "6917926768823643751")
    assert (one.customer.name, keys(one)) == ("孙丽", ["phone:+8613600136000"])
    # No payment time in this selection: an order that was sent was paid, a closed one was not.
    assert (one.paid_amount, order(shop, "2").paid_amount, order(shop, "2").state) == (Decimal("1199.00"), 0, "closed")
    assert (order(shop, "3").customer, order(shop, "3").state) == (None, "paid")
