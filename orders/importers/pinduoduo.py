"""Pinduoduo: one row per order, which has one product; sellers choose the columns. Buyers are mostly not told."""

from collections.abc import Sequence
from typing import ClassVar

import polars as pl
from django.utils.translation import gettext_lazy as _

from customers.models import Platform
from orders.importers import cells
from orders.importers.platform import PlatformLayout, told
from orders.importers.reader import Reader

AMOUNTS = ("商品总价(元)", "用户实付金额(元)", "商家实收金额(元)")
PAYMENT_TIMES = ("支付时间", "订单成交时间")


class PinduoduoOrders(PlatformLayout):
    name = "pinduoduo-orders"
    title = _("Pinduoduo orders")
    platforms = (Platform.PINDUODUO,)
    needs = frozenset({"商品", "订单号", "订单状态", "商品数量(件)"})
    grain = "line"
    columns: ClassVar = {
        "order_no": ["订单号"],
        "paid_at": PAYMENT_TIMES,
        "shipped_at": ["发货时间"],
        "delivered_at": ["确认收货时间"],
        "status": ["订单状态"],
        "after_sale": ["售后状态"],
        "paid_amount": ["用户实付金额(元)", "商家实收金额(元)"],
        "postage": ["邮费(元)"],
        "buyer_name": ["收货人", "收件人"],
        "phone": ["用户购买手机号", "收货人手机号", "手机号", "手机"],
        "city": ["市"],
        "sku": ["商家编码-规格维度", "样式ID", "商品id"],
        "product_name": ["商品"],
        "category": ["商品一级类目"],
        "quantity": ["商品数量(件)"],
        "line_amount": AMOUNTS,
    }

    def recognises(self, header: Sequence[str]) -> bool:
        return super().recognises(header) and all(set(names) & set(header) for names in (AMOUNTS, PAYMENT_TIMES))

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The same said by several columns, of which the seller has chosen some and the platform filled in some."""
        fields = ("paid_at", "sku")
        same = [[name for name in self.columns[field] if name in frame.columns] for field in fields]
        return frame.with_columns(told(frame, *names).alias(names[0]) for names in same if names)

    def adjusted(self, read: Reader) -> dict[str, pl.Expr]:
        """The order's total is its goods and their postage, before anybody's discount; what was paid holds the postage.

        An order that waits for its payment was not paid, whatever time is told.
        """
        paid_at = pl.when(read.state() != "created").then(read.paid_at(read.moment("paid_at")))
        told: dict[str, pl.Expr] = {"paid_at": paid_at}
        if read.columns["line_amount"] != AMOUNTS[0]:
            return told
        postage = cells.exact(read.number("postage")).fill_null(0)
        return {**told, "total": (cells.exact(read.number("line_amount")) + postage).cast(pl.String)}
