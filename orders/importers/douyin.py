"""Douyin shops: one row per sub-order with its own amounts; receivers are mostly encrypted."""

from typing import ClassVar

import polars as pl
from django.utils.translation import gettext_lazy as _

from customers.models import Platform
from orders.importers import cells
from orders.importers.platform import PlatformLayout, told
from orders.importers.reader import Reader

RECEIVER = ("收件人", "收件人手机号", "详细地址")
ENCRYPTED = r"^(?:##|\$\$)"


class DouyinOrders(PlatformLayout):
    name = "douyin-orders"
    title = _("Douyin orders")
    platforms = (Platform.DOUYIN,)
    needs = frozenset({"主订单编号", "子订单编号", "选购商品", "商品数量", "订单应付金额", "订单提交时间"})
    options: ClassVar = {"per_row": "1"}
    grain = "line"
    columns: ClassVar = {
        "order_no": ["主订单编号"],
        "placed_at": ["订单提交时间"],
        "paid_at": ["支付完成时间"],
        "shipped_at": ["发货时间"],
        "delivered_at": ["订单完成时间"],
        "status": ["订单状态"],
        "after_sale": ["售后状态"],
        "order_total": ["订单应付金额"],
        "line_amount": ["订单应付金额"],
        "unit_price": ["商品单价"],
        "quantity": ["商品数量"],
        "sku": ["商家编码", "商品ID"],
        "product_name": ["选购商品"],
        "buyer_name": ["收件人"],
        "phone": ["收件人手机号"],
        "city": ["市"],
        "address": ["__address"],
        "street": ["详细地址"],
    }
    words: ClassVar = {"待支付": "created", "备货中": "paid", "部分发货": "shipped"}

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        """What is encrypted tells nobody anything: not who it was, nor that two orders are one person's."""
        present = [name for name in RECEIVER if name in frame.columns]
        plain = [
            pl.when(~told(frame, name).str.contains(ENCRYPTED)).then(told(frame, name)).alias(name) for name in present
        ]
        frame = frame.with_columns(plain)
        if "商家编码" in frame.columns:
            frame = frame.with_columns(told(frame, "商家编码", "商品ID").alias("商家编码"))
        if "详细地址" not in frame.columns:
            return frame
        parts = [told(frame, name) for name in ("省", "市", "区", "街道", "详细地址") if name in frame.columns]
        whole = pl.when(pl.col("详细地址").is_not_null()).then(cells.joined(*parts))
        return frame.with_columns(whole.alias("__address"))

    def adjusted(self, read: Reader) -> dict[str, pl.Expr]:
        """The total is that of the lines, so that a row that was rejected and comes later still adds to it.

        Of a sub-order that was closed without a payment of its own nothing was paid, whatever its siblings brought.
        """
        unpaid = (read.state() == "closed") & read.moment("paid_at").is_null()
        paid = pl.when(unpaid).then(pl.lit("0")).otherwise(read.number("order_total"))
        return {"total": pl.lit(None, dtype=pl.String), "paid": paid}
