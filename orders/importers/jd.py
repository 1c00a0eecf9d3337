"""JD: one row per product, with the order's own cells repeated on each."""

from typing import ClassVar

import polars as pl
from django.utils.translation import gettext_lazy as _

from customers.models import Platform
from orders.importers.platform import PlatformLayout, city_of, told
from orders.importers.reader import Reader


class JDOrders(PlatformLayout):
    name = "jd-orders"
    title = _("JD orders")
    platforms = (Platform.JD,)
    needs = frozenset({"订单号", "商品ID", "订购数量", "下单时间", "京东价", "订单金额"})
    grain = "line"
    columns: ClassVar = {
        "order_no": ["订单号"],
        "placed_at": ["下单时间"],
        "paid_at": ["付款确认时间"],
        "delivered_at": ["订单完成时间"],
        "status": ["订单状态"],
        "order_total": ["订单金额"],
        "paid_amount": ["结算金额"],
        "buyer_id": ["下单帐号", "下单账号"],
        "buyer_name": ["客户姓名"],
        "phone": ["联系电话"],
        "address": ["客户地址"],
        "city": ["__city"],
        "sku": ["货号", "商品ID"],
        "product_name": ["商品名称"],
        "quantity": ["订购数量"],
        "unit_price": ["京东价"],
    }
    words: ClassVar = {
        "等待付款": "created",
        "等待出库": "paid",
        "等待打印": "paid",
        "正在出库": "paid",
        "等待确认收货": "shipped",
        "等待收货": "shipped",
        "已妥投": "delivered",
        "(删除)等待付款": "closed",
        "(删除)等待出库": "closed",
        "删除": "closed",
    }

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        if "货号" in frame.columns:
            frame = frame.with_columns(told(frame, "货号", "商品ID").alias("货号"))
        return frame.with_columns(city_of(told(frame, "客户地址")).alias("__city"))

    def adjusted(self, read: Reader) -> dict[str, pl.Expr]:
        """Who pays the courier has paid when the order is done, and no payment was confirmed before."""
        if "paid_at" not in read.columns:
            return {}
        at_the_door = pl.when(read.state() == "completed").then(read.moment("delivered_at"))
        return {"paid_at": pl.coalesce(read.paid_at(read.moment("placed_at")), at_the_door)}
