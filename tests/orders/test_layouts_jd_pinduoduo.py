"""The exports of JD and Pinduoduo, from their bytes to the tables."""

from decimal import Decimal

import pytest

from orders.models import Order
from tests.builders import make_shop
from tests.orders import exports_cn as exports
from tests.orders.exports_cn import written
from tests.orders.files import accounted, imported, order
from tests.orders.outcomes import amounts, changes_nothing, keys, lines

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop("shop", timezone="Asia/Shanghai")


# --- JD

JD_CUP = {
    "订单号": "16802312045",
    "商品ID": "1022334455",
    "商品名称": "保温杯",
    "订购数量": "1",
    "支付方式": "在线支付",
    "下单时间": "2016-05-23 22:02:10",
    "京东价": "99.00",
    "订单金额": "257.00",
    "结算金额": "247.00",
    "应付金额": "247.00",
    "订单状态": "完成",
    "下单帐号": "jd_wang",
    "客户姓名": "王芳",
    "客户地址": "北京 市辖区 朝阳区 建国路 1号",
    "联系电话": "1******6198",
    "付款确认时间": "2016-05-23 22:03:00",
    "货号": "CUP-1",
    "订单完成时间": "2016-05-26 12:00:00",
}
JD_POT = {**JD_CUP, "商品ID": "1022334466", "商品名称": "茶壶", "订购数量": "2", "京东价": "79.00", "货号": ""}


@pytest.mark.parametrize("header", exports.HEADERS["jd-orders"], ids=["2016", "later"])
def test_jd_repeats_the_order_on_every_product(shop, header):
    content = written(header, JD_CUP, JD_POT).encode("gb18030")
    done = imported(shop, content)
    assert done.layout == "jd-orders" and done.counts["orders_created"] == 1
    one = order(shop, "16802312045")
    assert amounts(one) == (Decimal("257.00"), Decimal("247.00"), 0)
    assert lines(one) == [("CUP-1", "保温杯", 1, Decimal("99.00")), ("1022334466", "茶壶", 2, Decimal("158.00"))]
    assert (one.state, one.platform_state, str(one.delivered_at)) == ("completed", "完成", "2016-05-26 04:00:00+00:00")
    assert keys(one) == ["platform:jd_wang"]
    assert (one.customer.name, one.customer.phone, one.customer.city) == ("王芳", "", "北京")
    assert one.extra["支付方式"] == "在线支付"
    assert changes_nothing(shop, content)


def test_jd_orders_without_payment_paid_at_the_door_and_deleted(shop):
    rows = [
        {**JD_CUP, "订单号": "1", "支付方式": "货到付款", "付款确认时间": ""},
        {**JD_CUP, "订单号": "2", "订单状态": "等待付款", "付款确认时间": "", "订单完成时间": ""},
        {**JD_CUP, "订单号": "3", "订单状态": "(删除)等待出库"},
        {**JD_CUP, "订单号": "4", "京东价": "499.00（系统计算中，该值仅供参考）", "商家应收": "499.00（系统计算中）"},
        {**JD_CUP, "订单号": "5", "订购数量": "0"},
    ]
    done = imported(shop, written(exports.JD_LATER, *rows).encode())
    assert str(order(shop, "1").paid_at) == "2016-05-26 04:00:00+00:00"
    assert (order(shop, "2").state, order(shop, "2").paid_amount) == ("created", 0)
    assert (order(shop, "3").state, order(shop, "3").net_amount) == ("refunded", 0)
    assert order(shop, "4").lines.get().amount == Decimal("499.00")
    assert order(shop, "4").extra["商家应收"] == "499.00（系统计算中）"
    bad = done.rejected.get()
    assert (bad.row_no, bad.column, bad.code) == (6, "订购数量", "quantity_not_positive")
    assert accounted(done)


# --- Pinduoduo

PDD = {
    "商品": "保温杯",
    "订单号": "240523-123456789012345",
    "订单状态": "已收货",
    "商品总价(元)": "39.8",
    "邮费(元)": "5",
    "店铺优惠折扣(元)": "3",
    "平台优惠折扣(元)": "1",
    "用户实付金额(元)": "40.8",
    "商家实收金额(元)": "41.8",
    "商品数量(件)": "2",
    "发货时间": "2026-05-24 09:00:00",
    "确认收货时间": "2026-05-28 09:00:00",
    "商品id": "889900",
    "样式ID": "-",
    "商家编码-规格维度": "-",
    "售后状态": "无售后或售后取消",
    "订单成交时间": "2026-05-23 10:00:00",
}


def test_pinduoduo_orders_have_one_product_and_no_buyer(shop):
    content = written(exports.PINDUODUO, PDD).encode("utf-8-sig")
    done = imported(shop, content)
    assert done.layout == "pinduoduo-orders"
    one = order(shop, "240523-123456789012345")
    assert amounts(one) == (Decimal("44.80"), Decimal("40.80"), 0)
    assert lines(one) == [("889900", "保温杯", 2, Decimal("39.80"))]
    assert (one.state, one.customer) == ("delivered", None)
    assert str(one.placed_at) == str(one.paid_at) == "2026-05-23 02:00:00+00:00"
    assert one.extra["店铺优惠折扣(元)"] == "3" and "样式ID" not in one.extra
    assert changes_nothing(shop, content)


@pytest.mark.parametrize(
    ("word", "after_sale", "state", "refunded"),
    [
        ("待发货", "-", "paid", "0"),
        ("已发货，待签收", "无售后或售后取消", "shipped", "0"),
        ("已发货，待收货", "", "shipped", "0"),
        ("已签收", "售后处理中", "refunding", "0"),
        ("已收货", "退款成功", "refunded", "40.80"),
        ("未发货退款成功", "退款成功", "refunded", "40.80"),
        ("交易关闭", "-", "refunded", "40.80"),
        ("订单已取消", "-", "refunded", "40.80"),
    ],
)
def test_pinduoduo_states_and_after_sales(shop, word, after_sale, state, refunded):
    imported(shop, written(exports.PINDUODUO, {**PDD, "订单状态": word, "售后状态": after_sale}).encode())
    one = order(shop, PDD["订单号"])
    assert (one.state, one.refunded_amount, one.platform_state) == (state, Decimal(refunded), word)


def test_pinduoduo_orders_that_nobody_paid_are_no_purchases(shop):
    rows = [
        {**PDD, "订单号": "1", "订单状态": "待支付"},
        {**PDD, "订单号": "2", "订单状态": "订单已取消", "用户实付金额(元)": "0"},
        {**PDD, "订单号": "3"},
    ]
    imported(shop, written(exports.PINDUODUO, *rows).encode())
    told = {one.external_id: (one.state, one.paid_at is None, one.paid_amount) for one in Order.objects.all()}
    assert told == {"1": ("created", True, 0), "2": ("closed", True, 0), "3": ("delivered", False, Decimal("40.80"))}
    assert str(order(shop, "1").placed_at) == "2026-05-23 02:00:00+00:00"
    assert [one.external_id for one in Order.objects.paid()] == ["3"]


def test_pinduoduos_postage_is_not_added_to_what_holds_it_already(shop):
    header = [name for name in exports.PINDUODUO if name != "商品总价(元)"]
    row = {name: cell for name, cell in PDD.items() if name != "商品总价(元)"}
    imported(shop, written(header, row).encode())
    assert amounts(order(shop, PDD["订单号"])) == (Decimal("40.80"), Decimal("40.80"), 0)


def test_pinduoduo_columns_that_a_seller_chose(shop):
    row = {
        "商品": "保温杯",
        "订单号": "1",
        "订单状态": "待发货",
        "商品数量(件)": "1",
        "支付时间": "2026-05-23 10:00:05",
        "订单成交时间": "2026-05-23 10:00:09",
        "商品一级类目": "家居",
        "商品id": "889900",
        "用户实付金额(元)": "1,040.8",
        "收货人": "赵云",
        "用户购买手机号": "13700137000",
        "市": "成都市",
    }
    without_payment_time = {**row, "订单号": "2", "支付时间": "-"}
    without_time = {**row, "订单号": "3", "支付时间": "-", "订单成交时间": "-"}
    done = imported(shop, written(exports.PINDUODUO_CHOSEN, row, without_payment_time, without_time).encode())
    one = order(shop, "1")
    assert (str(one.paid_at), one.paid_amount) == ("2026-05-23 02:00:05+00:00", Decimal("1040.80"))
    assert (one.customer.name, one.customer.city, keys(one)) == ("赵云", "成都市", ["phone:+8613700137000"])
    assert one.lines.get().product.category == "家居"
    assert str(order(shop, "2").paid_at) == "2026-05-23 02:00:09+00:00"
    assert done.rejected.get().code == "no_date"
