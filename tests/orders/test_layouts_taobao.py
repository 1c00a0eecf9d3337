"""The exports of Taobao and Tmall, orders and their lines, from their bytes to the tables."""

import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from django.db.models import Sum

from customers.models import Customer, Identity
from orders.models import Order, Refund
from tests.builders import make_shop
from tests.orders import exports_cn as exports
from tests.orders.exports_cn import written
from tests.orders.files import accounted, imported, order, upload
from tests.orders.outcomes import amounts, changes_nothing, keys, lines

REPORT = Path(__file__).parents[3] / "shared" / "data" / "tmall_order_report.csv.gz"

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop("shop", timezone="Asia/Shanghai")


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
