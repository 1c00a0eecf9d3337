"""The exports of Taobao, JD, Pinduoduo, Douyin and Youzan, from their bytes to the tables."""

import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from django.db.models import Sum

from customers.models import Customer, Identity
from orders.importers import LAYOUTS
from orders.importers.decoding import unique
from orders.models import Order, OrderLine, Refund
from tests.builders import make_shop
from tests.orders import exports_cn as exports
from tests.orders.exports_cn import written
from tests.orders.files import accounted, imported, order, story, upload

REPORT = Path(__file__).parents[3] / "shared" / "data" / "tmall_order_report.csv.gz"

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop("shop", timezone="Asia/Shanghai")


def keys(number_of: Order) -> list[str]:
    """What the buyer of an order is known by: kind and value."""
    identities = number_of.customer.identities.order_by("kind") if number_of.customer else []
    return [f"{identity.kind}:{identity.value}" for identity in identities]


def lines(number_of: Order) -> list[tuple[object, ...]]:
    return [(line.sku, line.name, line.quantity, line.amount) for line in number_of.lines.all()]


def amounts(number_of: Order) -> tuple[Decimal, Decimal, Decimal]:
    return (number_of.total_amount, number_of.paid_amount, number_of.refunded_amount)


def changes_nothing(shop, content: bytes) -> bool:
    before = story(shop)
    again = imported(shop, content)
    return story(shop) == before and again.counts["orders_created"] == again.counts["orders_updated"] == 0


# --- which layout it is


@pytest.mark.parametrize(
    ("name", "header"), [(name, header) for name, headers in exports.HEADERS.items() for header in headers]
)
def test_a_header_is_recognised_as_its_own_layout_and_no_other(name, header):
    names = unique([column.strip() for column in header])
    assert [layout.name for layout in LAYOUTS if layout.recognises(names)] == [name]
    assert [layout.name for layout in LAYOUTS if layout.recognises([*reversed(names), "以后的新列"])] == [name]


# --- Taobao and Tmall: the order report

LI = {
    "订单编号": '="1930679858170647"',
    "买家会员名": "tb_li88",
    "总金额": "178.80",
    "买家实际支付金额": "178.80",
    "订单状态": "交易成功",
    "收货人姓名": "李雷",
    "收货地址": "浙江省 杭州市 西湖区 文三路 90号(310012)",
    "联系手机": "'13800138000",
    "订单创建时间": "2019-05-15 00:30:00",
    "订单付款时间": "2019-05-15 00:31:05",
    "宝贝标题": "保温杯",
    "订单备注": "'null",
    "订单关闭原因": "订单未关闭",
}


@pytest.mark.parametrize("header", exports.HEADERS["taobao-orders"][:5], ids=["2012", "2016", "2018", "2019", "later"])
def test_the_report_of_every_year_tells_the_same_order(shop, header):
    content = written(header, LI).encode("gb18030")
    done = imported(shop, content)
    assert (done.layout, done.encoding) == ("taobao-orders", "gb18030")
    one = order(shop, "1930679858170647")
    assert amounts(one) == (Decimal("178.80"), Decimal("178.80"), 0)
    assert (one.state, one.platform_state) == ("completed", "交易成功")
    assert str(one.placed_at) == "2019-05-14 16:30:00+00:00" and str(one.paid_on) == "2019-05-15"
    assert (one.customer.name, one.customer.phone, one.customer.city) == ("李雷", "+8613800138000", "杭州市")
    assert keys(one) == ["phone:+8613800138000", "platform:tb_li88"]
    assert one.extra == {"宝贝标题": "保温杯", "订单关闭原因": "订单未关闭"}
    assert changes_nothing(shop, content)


STATES = {
    "等待买家付款": "created",
    "买家已付款，等待卖家发货": "paid",
    "买家已付款,等待卖家发货": "paid",
    "等待卖家发货": "paid",
    "卖家部分发货": "shipped",
    "卖家已发货，等待买家确认": "shipped",
    "等待买家确认收货": "shipped",
    "买家已签收": "delivered",
    "交易成功": "completed",
    "没有创建外部交易": "created",
    "余额宝0元购合约中": "created",
    "外卡支付付款确认中": "created",
    "一个新的状态": "paid",
}


def test_the_platforms_words_become_one_vocabulary_and_are_kept(shop):
    rows = [
        {
            **LI,
            "订单编号": f"{place}",
            "订单状态": word,
            "订单付款时间": "" if state == "created" else LI["订单付款时间"],
        }
        for place, (word, state) in enumerate(STATES.items(), start=1)
    ]
    imported(shop, written(exports.TAOBAO_2019, *rows).encode("gb18030"))
    told = {one.external_id: (one.platform_state, one.state) for one in Order.objects.all()}
    assert told == {f"{place}": pair for place, pair in enumerate(STATES.items(), start=1)}


@pytest.mark.parametrize(
    ("total", "left", "back", "paid", "refunded", "state"),
    [
        ("100", "100", "", "100", "0", "completed"),
        ("100", "100", "无退款申请", "100", "0", "completed"),
        ("100", "70", "30", "100", "30", "completed"),  # taken off already
        ("100", "0.00", "100", "100", "100", "refunded"),
        ("64.80", "0.1", "64.70元", "64.8", "64.7", "completed"),
        ("100", "100", "30", "100", "30", "completed"),  # not taken off: more than the order was worth
        ("100", "80", "0", "80", "0", "completed"),  # a coupon of the platform's
    ],
)
def test_what_was_paid_before_refunds(shop, total, left, back, paid, refunded, state):
    row = {**LI, "订单编号": "1", "总金额": total, "买家实际支付金额": left, "退款金额": back}
    imported(shop, written(exports.TAOBAO_2019, row).encode("gb18030"))
    one = order(shop, "1")
    assert amounts(one) == (Decimal(total), Decimal(paid), Decimal(refunded))
    assert one.state == state
    assert Refund.objects.count() == (1 if Decimal(refunded) else 0)


def test_closed_orders_paid_or_not(shop):
    closed = {**LI, "订单状态": "交易关闭", "买家实际支付金额": "0.00"}
    unpaid = {**closed, "订单编号": "1", "订单付款时间": "", "订单关闭原因": "买家未付款"}
    paid = {**closed, "订单编号": "2", "订单关闭原因": "退款"}
    imported(shop, written(exports.TAOBAO_2019, unpaid, paid).encode("gb18030"))
    assert (order(shop, "1").state, *amounts(order(shop, "1"))) == ("closed", Decimal("178.80"), 0, 0)
    assert (order(shop, "2").state, order(shop, "2").net_amount) == ("refunded", 0)
    assert Refund.objects.get().amount == Decimal("178.80")
    assert not Order.objects.paid().exists()


def test_hidden_nicks_and_phones_are_nobodys(shop):
    rows = [
        {**LI, "订单编号": "1", "买家会员名": "t**8", "联系手机": "182********", "收货人姓名": "李**"},
        {**LI, "订单编号": "2", "买家会员名": "t**8", "联系手机": "1******6198"},
        {**LI, "订单编号": "3", "买家会员名": "tb_han", "联系手机": "138****8000"},
        {**LI, "订单编号": "4", "买家会员名": "", "联系手机": "", "联系电话": "'138 0013 8000"},
    ]
    imported(shop, written(exports.TAOBAO_2019, *rows).encode("gb18030"))
    assert order(shop, "1").customer is None and order(shop, "2").customer is None
    assert keys(order(shop, "3")) == ["platform:tb_han"] and order(shop, "3").customer.phone == ""
    assert keys(order(shop, "4")) == ["phone:+8613800138000"]
    assert Identity.objects.count() == 2


def test_since_2024_the_address_says_who_bought(shop):
    row = {
        "订单编号": "4190000000000000123",
        "总金额": "59.9",
        "买家实付金额": "59.9",
        "订单状态": "交易成功",
        "收货地址": "韩梅，86-13900139000，上海 上海市 浦东新区 世纪大道 1号 ，",
        "订单创建时间": "2025-11-11 00:00:01",
        "订单付款时间": "2025-11-11 00:00:09",
        "发货时间": "2025-11-12 10:00:00",
        "确认收货时间": "2025-11-15 10:00:00",
    }
    hidden = {**row, "订单编号": "2", "收货地址": "张**，86-1**********，上海 上海市 黄浦区 ***，"}
    content = written(exports.TAOBAO_2024, row, hidden).encode("utf-8-sig")
    imported(shop, content)
    one = order(shop, "4190000000000000123")
    assert (one.customer.name, one.customer.phone, one.customer.city) == ("韩梅", "+8613900139000", "上海市")
    assert (one.paid_amount, str(one.shipped_at), str(one.delivered_at)) == (
        Decimal("59.90"), "2025-11-12 02:00:00+00:00", "2025-11-15 02:00:00+00:00",
    )  # fmt: skip
    assert "收货地址" not in one.extra
    assert order(shop, "2").customer is None
    assert Customer.objects.count() == 1
    assert changes_nothing(shop, content)


def test_a_report_that_a_spreadsheet_has_saved_again(shop):
    resaved = {**LI, "订单编号": "1", "订单创建时间": "2016/5/23 22:02", "订单付款时间": "2016/05/23 22:03"}
    ruined = {**LI, "订单编号": "1.93068E+15"}
    rounded = {**LI, "订单编号": "1930679858170000"}
    as_text = {**LI, "订单编号": '="1930679858170000"'}
    done = imported(shop, written(exports.TAOBAO_2016, resaved, ruined, rounded, as_text).encode("gb18030"))
    assert str(order(shop, "1").placed_at) == "2016-05-23 14:02:00+00:00"
    found = [(bad.row_no, bad.column, bad.code) for bad in done.rejected.order_by("row_no")]
    assert found == [(3, "订单编号", "shortened_number"), (4, "订单编号", "rounded_number")]
    assert "1.93068E+15" in done.rejected.get(row_no=3).reason
    # What the platform has written as text no spreadsheet has rounded.
    assert order(shop, "1930679858170000").customer.name == "李雷"
    assert accounted(done)


def test_bad_cells_reject_their_row_with_its_cells(shop):
    rows = [
        {**LI, "订单编号": "1", "总金额": "很多"},
        {**LI, "订单编号": "2", "订单创建时间": "昨天"},
        {**LI, "订单编号": ""},
        {**LI, "订单编号": "4", "买家实际支付金额": "100", "退款金额": "500"},
        {**LI, "订单编号": "5"},
    ]
    done = imported(shop, written(exports.TAOBAO_2019, *rows).encode("gb18030"))
    found = [(bad.row_no, bad.column, bad.code) for bad in done.rejected.order_by("row_no")]
    assert found == [
        (2, "总金额", "bad_amount"),
        (3, "订单创建时间", "bad_date"),
        (4, "订单编号", "no_order_number"),
        (5, "退款金额", "refund_too_large"),
    ]
    assert len(done.rejected.get(row_no=2).raw) == 61
    assert list(Order.objects.values_list("external_id", flat=True)) == ["5"]
    assert accounted(done)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig", "utf-16"])
def test_all_encodings_tell_the_same(shop, encoding):
    row = {**LI, "收货人姓名": "𠮷田", "买家留言": "请放门口，\n谢谢,别打电话"}
    imported(shop, written(exports.TAOBAO_2019, row).encode(encoding))
    one = order(shop, "1930679858170647")
    assert one.customer.name == "𠮷田"
    assert one.extra["买家留言"] == "请放门口，\n谢谢,别打电话"


def test_a_report_without_names_keeps_where_its_orders_went(shop):
    row = {
        "订单编号": "2",
        "总金额": "21.0",
        "买家实际支付金额": "0.0",
        "收货地址": "内蒙古自治区",
        "订单创建时间": "2020-02-20 23:59:54",
        "订单付款时间": "2020-02-21 00:00:02",
        "退款金额": "21.0",
    }
    unpaid = {**row, "订单编号": "1", "订单付款时间": "", "退款金额": "0.0"}
    imported(shop, written(exports.TMALL_REDUCED, row, unpaid).encode())
    one = order(shop, "2")
    assert (one.state, one.customer, one.extra) == ("refunded", None, {"收货地址": "内蒙古自治区"})
    assert (order(shop, "1").state, order(shop, "1").paid_at) == ("created", None)


@pytest.mark.slow
@pytest.mark.skipif(not REPORT.exists(), reason="../shared/data/tmall_order_report.csv.gz is not here")
def test_a_month_of_a_tmall_shop_gives_its_known_figures(shop):
    content = gzip.decompress(REPORT.read_bytes())
    done = imported(shop, content)
    assert done.layout == "taobao-orders" and not done.counts["rejected"]
    assert Order.objects.count() == 28_010
    paid = Order.objects.filter(paid_at__isnull=False)
    assert paid.count() == 24_087
    assert Refund.objects.count() == 5_646
    assert Order.objects.filter(state="refunded").count() == 5_132
    sums = Order.objects.aggregate(total=Sum("total_amount"), paid=Sum("paid_amount"), back=Sum("refunded_amount"))
    assert (sums["total"], sums["back"]) == (Decimal("2995760.61"), Decimal("572335.92"))
    assert sums["paid"] - sums["back"] == Decimal("1902487.15")
    assert changes_nothing(shop, content)


# --- Taobao and Tmall: the lines of the orders

CUP = {
    "订单编号": '="1930679858170647"',
    "标题": "保温杯",
    "价格": "99.40",
    "购买数量": "1",
    "外部系统编号": "CUP-1",
    "商品属性": "颜色分类:红[长45cm];尺码:M",
    "订单状态": "交易成功",
    "商家编码": "CUP-1-RED",
}
POT = {**CUP, "标题": "茶壶", "价格": "39.70", "购买数量": "2", "外部系统编号": "POT", "商家编码": ""}


@pytest.mark.parametrize("report_first", [True, False])
def test_the_detail_file_brings_the_lines_whichever_comes_first(shop, report_first):
    report = written(exports.TAOBAO_2019, LI).encode("gb18030")
    details = written(exports.TAOBAO_DETAILS, CUP, POT).encode("gb18030")
    for content in [report, details] if report_first else [details, report]:
        imported(shop, content)
    one = order(shop, "1930679858170647")
    assert lines(one) == [
        ("CUP-1-RED", "保温杯", 1, Decimal("99.40")),
        ("POT", "茶壶", 2, Decimal("79.40")),
    ]
    assert (*amounts(one), one.state) == (Decimal("178.80"), Decimal("178.80"), 0, "completed")
    assert changes_nothing(shop, details) and changes_nothing(shop, report)


def test_sub_orders_bring_what_was_to_be_paid_for_each_product(shop):
    imported(
        shop, written(exports.TAOBAO_2019, {**LI, "退款金额": "79.40", "买家实际支付金额": "99.40"}).encode("gb18030")
    )
    cup = {
        "子订单编号": "1930679858170648",
        "主订单编号": "1930679858170647",
        "商品标题": "保温杯",
        "商品价格": "129.00",
        "购买数量": "1",
        "商家编码": "",
        "商品ID": "5512",
        "买家应付货款": "99.40",
        "订单状态": "交易成功",
        "订单创建时间": "2019-05-15 00:30:00",
    }
    pot = {
        **cup, "子订单编号": "1930679858170649", "商品标题": "茶壶", "商品价格": "59", "购买数量": "2",
        "商家编码": "POT", "买家应付货款": "79.40", "退款状态": "退款成功", "退款金额": "79.40",
    }  # fmt: skip
    content = written(exports.TAOBAO_SUBORDERS, cup, pot).encode()
    assert upload(shop, content).layout == "taobao-suborders"
    imported(shop, content)
    one = order(shop, "1930679858170647")
    assert lines(one) == [("5512", "保温杯", 1, Decimal("99.40")), ("POT", "茶壶", 2, Decimal("79.40"))]
    # The refund stays the report's: once, and not once more for the sub-order.
    assert Refund.objects.get().amount == Decimal("79.40")
    assert amounts(one) == (Decimal("178.80"), Decimal("178.80"), Decimal("79.40"))


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


# --- Douyin

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


# --- Youzan

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
