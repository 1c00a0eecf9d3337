"""Amazon's "All Orders" report: one row per item, UTC, and nobody's name: its buyers cannot be recognised."""

from functools import reduce
from operator import add
from typing import ClassVar

import polars as pl
from django.utils.translation import gettext_lazy as _

from customers.models import Platform
from orders.importers import cells
from orders.importers.platform import PlatformLayout
from orders.importers.reader import Checks, Reader

#: What a row adds to its order and takes off it. Taxes are in the prices in some countries and on top in others: they
#: stay with the order as told.
CHARGES = ("item_price", "shipping", "wrapping")
DISCOUNTS = ("item_discount", "shipping_discount")


class AmazonReader(Reader):
    numbers = ("quantity", *CHARGES, *DISCOUNTS)

    def is_line(self) -> pl.Expr:
        """Cancelled items stay in the report with quantity 0: they say that the order was, but are no line of it."""
        return self.value("quantity").fill_null(0) > 0

    def kind(self) -> pl.Expr:
        return pl.when(self.is_line()).then(pl.lit("l")).otherwise(pl.lit("o"))

    def money(self, field: str) -> pl.Expr:
        return cells.exact(self.number(field)).fill_null(0)

    def row_total(self) -> pl.Expr:
        """What the row adds to its order: nothing where it was cancelled, even if its price still stands there.

        A corrected row comes without the others: then the lines make the total.
        """
        if self.is_correction:
            return pl.lit(None, dtype=pl.String)
        charges = reduce(add, [self.money(field) for field in CHARGES])
        net = charges - reduce(add, [self.money(field) for field in DISCOUNTS])
        return pl.when((net < 0) | ~self.is_line()).then(pl.lit("0")).otherwise(net.cast(pl.String))

    def line_amount(self) -> pl.Expr:
        net = self.money("item_price") - self.money("item_discount")
        return pl.when(net < 0).then(pl.lit("0")).otherwise(net.cast(pl.String))

    def amount_checks(self) -> Checks:
        found: Checks = []
        for field in (name for name in (*CHARGES, *DISCOUNTS) if name in self.columns):
            column = self.columns[field]
            found.append((self.number(field).is_null() & self.text(field).is_not_null(), "bad_amount", column))
            found.append((self.value(field) < 0, "negative_amount", column))
        return found

    def quantity_checks(self) -> Checks:
        quantity = cells.whole(self.value("quantity"))
        column = self.columns["quantity"]
        return [(quantity.is_null(), "bad_quantity", column), (quantity < 0, "quantity_not_positive", column)]


class Amazon(PlatformLayout):
    """An order that is Pending has no prices yet: it is created with 0 and gets them with the next report."""

    name = "amazon-all-orders"
    title = _("Amazon “All Orders” report")
    platforms = (Platform.AMAZON,)
    needs = frozenset({"amazon-order-id", "purchase-date", "order-status", "quantity", "item-price"})
    grain = "line"
    options: ClassVar = {"per_row": "1", "zone": "UTC"}
    reader = AmazonReader
    columns: ClassVar = {
        "order_no": ["amazon-order-id"],
        "placed_at": ["purchase-date"],
        "updated_at": ["last-updated-date"],
        "status": ["order-status"],
        "sku": ["sku", "asin"],
        "product_name": ["product-name"],
        "quantity": ["quantity"],
        "currency": ["currency"],
        "item_price": ["item-price"],
        "item_discount": ["item-promotion-discount"],
        "shipping": ["shipping-price"],
        "shipping_discount": ["ship-promotion-discount"],
        "wrapping": ["gift-wrap-price"],
    }
    words: ClassVar = {
        "Partially Shipped": "shipped",
        "Shipping": "paid",
        "Pending - Waiting for Pick Up": "paid",
        "Shipped - Picked Up": "shipped",
        "Shipped - Out for Delivery": "shipped",
        "Shipped - Delivered to Buyer": "delivered",
        "Shipped - Returning to Seller": "shipped",
        "Shipped - Returned to Seller": "shipped",
        "Shipped - Rejected by Buyer": "shipped",
        "Shipped - Lost in Transit": "shipped",
        "Shipped - Damaged": "shipped",
    }

    def adjusted(self, read: Reader) -> dict[str, pl.Expr]:
        assert isinstance(read, AmazonReader)
        is_line = read.is_line()
        return {
            "total": read.row_total(),
            "quantity": pl.when(is_line).then(cells.whole(read.value("quantity"))),
            "amount": pl.when(is_line).then(read.line_amount()),
            "sku": pl.when(is_line).then(read.text("sku").str.slice(0, 80)),
        }
