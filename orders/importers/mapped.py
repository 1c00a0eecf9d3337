"""Any CSV whose columns a person has assigned: the mapping is made once in the wizard and used again."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import polars as pl
from django.utils.translation import gettext_lazy as _

from orders.importers.layout import Context, first_problem, staged
from orders.importers.reader import AMOUNTS, Reader

#: Fields that a column may be assigned to → label. What is assigned to none is kept with the order.
FIELDS = {
    "order_no": _("Order number"),
    "placed_at": _("Placed at"),
    "paid_at": _("Paid at"),
    "status": _("Status"),
    "order_total": _("Order total"),
    "paid_amount": _("Amount paid, before refunds"),
    "refund_amount": _("Amount refunded"),
    "refunded_at": _("Refunded at"),
    "buyer_id": _("Buyer's ID or nick"),
    "buyer_name": _("Buyer's name"),
    "phone": _("Phone"),
    "email": _("E-mail"),
    "city": _("City"),
    "country": _("Country"),
    "sku": _("SKU"),
    "product_name": _("Product name"),
    "category": _("Product category"),
    "quantity": _("Quantity"),
    "unit_price": _("Unit price"),
    "line_amount": _("Line amount"),
    "loyalty_no": _("Loyalty number"),
    "wechat_id": _("WeChat ID"),
    "address": _("Address"),
    "after_sale": _("State of the after-sale case"),
    "shipped_at": _("Shipped at"),
    "delivered_at": _("Delivered at"),
    "updated_at": _("Changed on the platform at"),
}


class Mapped:
    name = "mapped"
    subject = "orders"
    title = _("Columns assigned by hand")
    options: ClassVar[Mapping[str, str]] = {}

    def recognises(self, header: Sequence[str]) -> bool:
        """Never by itself: somebody has to say which column is what."""
        return False

    def stage(self, frame: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Order rows, or one row per line where a line amount or a unit price is assigned."""
        read = Reader(context, frame.columns)
        frame = read.prepare(frame)
        return staged(frame, {**read.columns_of_rows(), **first_problem(read.checks())})


def missing_fields(columns: Mapping[str, str]) -> list[str]:
    """What a mapping lacks to be usable, in words."""
    lacking = []
    if "order_no" not in columns:
        lacking.append(_("Order number"))
    if not {"placed_at", "paid_at"} & set(columns):
        lacking.append(_("Placed at or paid at"))
    if not set(AMOUNTS) & set(columns):
        lacking.append(_("An amount: order total, amount paid, line amount or unit price"))
    return [str(words) for words in lacking]
