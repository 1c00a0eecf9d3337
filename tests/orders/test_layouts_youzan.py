"""The exports of Youzan, orders and their products, from their bytes to the tables."""

from decimal import Decimal

import pytest

from orders.models import Order, OrderLine
from tests.builders import make_shop
from tests.orders import exports_cn as exports
from tests.orders.exports_cn import written
from tests.orders.files import imported, order
from tests.orders.outcomes import amounts, changes_nothing, keys, lines

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop("shop", timezone="Asia/Shanghai")


YZ = {
    "订单号": "E20240618000100041200013",
    "订单状态": "交易完成",
    "订单创建时间": "2024-06-18 00:01:00",
    "买家付款时间": "2024-06-18 00:01:20",
    "交易成功时间": "2024-06-25 00:01:20",
    "商品金额合计": "120.00",
    "应收订单金额": "110.00",
    "订单实付金额": "108.00",
    "全部商品名称": "保温杯;茶壶",
    "收货人城市": "深圳市",
    "详细收货地址/提货地址": "科技园路 8 号",
    "收货人/提货人": "周杰",
    "收货人手机号/提货人手机号": "13500135000",
    "买家手机号": "135******00",
    "桌号": " ",
    "挂账主体": "——",
    "分销员": "小张",
    "分销员 (2)": "老李",
    "订单已退款金额": "0.00",
}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_youzan_orders_with_two_columns_of_one_name(shop, encoding):
    content = written(exports.YOUZAN, YZ).encode(encoding)
    done = imported(shop, content)
    assert done.layout == "youzan-orders"
    one = order(shop, YZ["订单号"])
    assert amounts(one) == (Decimal("110.00"), Decimal("108.00"), 0)
    assert (one.state, str(one.delivered_at)) == ("completed", "2024-06-24 16:01:20+00:00")
    assert (one.customer.name, one.customer.city, keys(one)) == ("周杰", "深圳市", ["phone:+8613500135000"])
    assert (one.extra["分销员"], one.extra["分销员 (2)"]) == ("小张", "老李")
    assert not {"桌号", "挂账主体"} & set(one.extra)
    assert changes_nothing(shop, content)


def test_youzan_refunds_are_what_their_column_says(shop):
    rows = [
        {**YZ, "订单号": "E1", "订单退款状态": "退款成功", "订单已退款金额": "8.00"},
        {**YZ, "订单号": "E2", "订单退款状态": "退款成功", "订单已退款金额": "108.00"},
        {**YZ, "订单号": "E3", "订单退款状态": "退款中"},
        {**YZ, "订单号": "E4", "订单状态": "交易关闭", "买家付款时间": " ", "订单实付金额": "0"},
        {**YZ, "订单号": "E5", "订单已退款金额": "109.00"},
    ]
    done = imported(shop, written(exports.YOUZAN, *rows).encode())
    found = {one.external_id: (one.state, one.refunded_amount) for one in Order.objects.all()}
    assert found == {
        "E1": ("completed", Decimal("8.00")),
        "E2": ("refunded", Decimal("108.00")),
        "E3": ("refunding", 0),
        "E4": ("closed", 0),
    }
    bad = done.rejected.get()
    assert (bad.row_no, bad.column, bad.code) == (6, "订单已退款金额", "refund_too_large")


def test_youzan_by_product_has_the_order_on_every_row(shop):
    cup = {
        **YZ,
        "商品编码": "CUP-1",
        "商品单价": "40.00",
        "商品数量": "1",
        "商品类目": "杯子",
        "订单已退款金额": "40.00",
    }
    pot = {**cup, "商品编码": "POT", "商品单价": "40.00", "商品数量": "2"}
    content = written(exports.YOUZAN_ITEMS, cup, pot).encode()
    assert imported(shop, content).layout == "youzan-items"
    one = order(shop, YZ["订单号"])
    assert amounts(one) == (Decimal("110.00"), Decimal("108.00"), Decimal("40.00"))
    assert [(sku, amount) for sku, _name, _quantity, amount in lines(one)] == [("CUP-1", 40), ("POT", 80)]
    assert OrderLine.objects.filter(product__category="杯子").count() == 2
    assert changes_nothing(shop, content)
