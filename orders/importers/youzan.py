"""Youzan: orders, one row each, and the same with one row per product."""

from typing import ClassVar

import polars as pl
from django.utils.translation import gettext_lazy as _

from customers.models import Platform
from customers.normalforms import HIDDEN
from orders.importers.platform import PlatformLayout, told
from orders.importers.reader import Reader

BUYER_PHONE, RECEIVER_PHONE = "买家手机号", "收货人手机号/提货人手机号"


class YouzanReader(Reader):
    def state(self) -> pl.Expr:
        """A refund under way shows; one that is done is told by its amount, for it may be of a part."""
        under_way = pl.when(pl.col("__after_sale") == "refunding").then(pl.lit("refunding"))
        paid = pl.when(self.moment("paid_at").is_not_null()).then(pl.lit("paid")).otherwise(pl.lit("created"))
        return pl.coalesce(under_way, pl.col("__state"), paid)


class YouzanOrders(PlatformLayout):
    name = "youzan-orders"
    title = _("Youzan orders")
    platforms = (Platform.YOUZAN,)
    needs = frozenset({"订单号", "订单创建时间", "买家付款时间", "订单实付金额", "应收订单金额"})
    lacks = frozenset({"商品单价", "商品数量"})
    grain = "order"
    reader = YouzanReader
    columns: ClassVar = {
        "order_no": ["订单号"],
        "placed_at": ["订单创建时间"],
        "paid_at": ["买家付款时间"],
        "delivered_at": ["交易成功时间"],
        "status": ["订单状态"],
        "after_sale": ["订单退款状态"],
        "order_total": ["应收订单金额"],
        "paid_amount": ["订单实付金额"],
        "refund_amount": ["订单已退款金额"],
        "buyer_name": ["收货人/提货人"],
        "phone": [BUYER_PHONE, RECEIVER_PHONE],
        "city": ["收货人城市"],
        "address": ["详细收货地址/提货地址"],
    }
    words: ClassVar = {"待成团": "paid", "等待商家发货": "paid", "部分发货": "shipped"}

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The receiver's phone where the buyer's is missing or hidden in part."""
        if not {BUYER_PHONE, RECEIVER_PHONE} <= set(frame.columns):
            return frame
        phones = [told(frame, name) for name in (BUYER_PHONE, RECEIVER_PHONE)]
        whole = [pl.when(~phone.str.contains(HIDDEN)).then(phone) for phone in phones]
        return frame.with_columns(pl.coalesce(*whole, *phones).alias(BUYER_PHONE))


class YouzanItems(YouzanOrders):
    name = "youzan-items"
    title = _("Youzan orders by product")
    needs = YouzanOrders.needs | {"商品单价", "商品数量"}
    lacks = frozenset()
    grain = "line"
    columns: ClassVar = {
        **YouzanOrders.columns,
        "sku": ["商品编码"],
        "product_name": ["商品名称", "全部商品名称"],
        "category": ["商品类目"],
        "quantity": ["商品数量"],
        "unit_price": ["商品单价"],
    }
