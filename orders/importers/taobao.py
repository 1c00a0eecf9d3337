"""Taobao and Tmall: the order report of every year since 2012, its detail file and the sub-orders."""

from typing import ClassVar

import polars as pl
from django.utils.translation import gettext_lazy as _

from customers.models import Platform
from orders.importers import cells
from orders.importers.platform import PlatformLayout, city_of, told
from orders.importers.reader import Reader

NAME, PHONE, ADDRESS = "收货人姓名", "联系手机", "收货地址"

#: The address of newer reports: 姓名，86-手机号，省 市 区 地址 ，
COMPOSITE = r"^(?<name>[^，,]+)[，,]\s*(?:\+?86-)(?<phone>[0-9*-]+)[，,]\s*(?<place>.*?)[\s，,]*$"
CENT = 0.0101  # and what binary fractions add to it
POSTCODE = r"\s*[(（][0-9]{6}[)）]\s*$"


class ReportReader(Reader):
    """Knows that the report takes what was given back off what was paid."""

    def prepare(self, frame: pl.DataFrame) -> pl.DataFrame:
        """With the amount paid before refunds in place of the one that is left."""
        frame = super().prepare(frame)
        if not {"order_total", "paid_amount"} <= set(self.columns):
            return frame
        frame = frame.with_columns(__number_paid_amount=self._paid_before_refunds())
        return frame.with_columns(__value_paid_amount=cells.value(self.number("paid_amount")))

    def _paid_before_refunds(self) -> pl.Expr:
        """Left and refunded together, unless that is more than the order was worth: then nothing was taken off.

        An order that was closed after its payment, with nothing left and no refund told, was paid in full.
        """
        left, refund, total = (self.value(name) for name in ("paid_amount", "refund_amount", "order_total"))
        was_taken_off = (refund > 0) & (left + refund <= total + CENT)
        was_closed = (self.state() == "closed") & self.moment("paid_at").is_not_null() & (left == 0)
        both = cells.exact(self.number("paid_amount")) + cells.exact(self.number("refund_amount"))
        return (
            pl.when(was_taken_off)
            .then(both.cast(pl.String))
            .when(was_closed & (refund.fill_null(0) == 0))
            .then(self.number("order_total"))
            .otherwise(self.number("paid_amount"))
        )


class TaobaoOrders(PlatformLayout):
    name = "taobao-orders"
    title = _("Taobao and Tmall: order report")
    platforms = (Platform.TAOBAO, Platform.TMALL)
    needs = frozenset({"订单编号", "总金额", "订单创建时间", "订单付款时间"})
    reader = ReportReader
    columns: ClassVar = {
        "order_no": ["订单编号"],
        "placed_at": ["订单创建时间"],
        "paid_at": ["订单付款时间"],
        "shipped_at": ["发货时间"],
        "delivered_at": ["确认收货时间"],
        "status": ["订单状态"],
        "order_total": ["总金额"],
        "paid_amount": ["买家实付金额", "买家实际支付金额"],
        "refund_amount": ["退款金额"],
        "buyer_id": ["买家会员名"],
        "buyer_name": [NAME, f"__{NAME}"],
        "phone": [PHONE, f"__{PHONE}"],
        "address": [ADDRESS],
        "city": ["__city"],
    }
    words: ClassVar = {
        "没有创建外部交易": "created",
        "余额宝0元购合约中": "created",
        "外卡支付付款确认中": "created",
    }

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Buyers' names and phones where only the address tells them; the phone that is left when the mobile is not."""
        if ADDRESS in frame.columns:
            frame = frame.with_columns(cells.text(pl.col(ADDRESS)))
            frame = _parted(frame) if frame[ADDRESS].str.contains(COMPOSITE).any() else frame
            place = pl.col(ADDRESS).str.replace(POSTCODE, "")
            frame = frame.with_columns(place, city_of(place).alias("__city"))
        if {PHONE, "联系电话"} <= set(frame.columns):
            frame = frame.with_columns(told(frame, PHONE, "联系电话").alias(PHONE))
        return frame


def _parted(frame: pl.DataFrame) -> pl.DataFrame:
    parts = frame[ADDRESS].str.extract_groups(COMPOSITE).struct.unnest()
    frame = frame.with_columns(pl.coalesce(parts["place"], ADDRESS).alias(ADDRESS))
    for header, part in ((NAME, parts["name"]), (PHONE, parts["phone"])):
        known = told(frame, header)
        target = header if header in frame.columns else f"__{header}"
        frame = frame.with_columns(pl.coalesce(known, part.str.strip_chars()).alias(target))
    return frame


class TaobaoDetails(PlatformLayout):
    """ExportOrderDetailList: the lines of orders that the report brings."""

    name = "taobao-details"
    title = _("Taobao and Tmall: products of the orders")
    platforms = (Platform.TAOBAO, Platform.TMALL)
    needs = frozenset({"订单编号", "标题", "价格", "购买数量"})
    lacks = frozenset({"总金额"})
    grain = "detail"
    columns: ClassVar = {
        "order_no": ["订单编号"],
        "product_name": ["标题"],
        "unit_price": ["价格"],
        "quantity": ["购买数量"],
        "sku": ["商家编码", "外部系统编号"],
    }

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        if "商家编码" in frame.columns:
            frame = frame.with_columns(told(frame, "商家编码", "外部系统编号").alias("商家编码"))
        return frame


class TaobaoSubOrders(PlatformLayout):
    """One row per product, with what the buyer was to pay for it. What came back is told by the order report."""

    name = "taobao-suborders"
    title = _("Taobao and Tmall: sub-orders")
    platforms = (Platform.TAOBAO, Platform.TMALL)
    needs = frozenset({"子订单编号", "主订单编号", "商品标题", "购买数量"})
    grain = "detail"
    columns: ClassVar = {
        "order_no": ["主订单编号"],
        "product_name": ["商品标题"],
        "unit_price": ["商品价格"],
        "line_amount": ["买家应付货款"],
        "quantity": ["购买数量"],
        "sku": ["商家编码", "商品ID"],
    }

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        if "商家编码" in frame.columns:
            frame = frame.with_columns(told(frame, "商家编码", "商品ID").alias("商家编码"))
        return frame
