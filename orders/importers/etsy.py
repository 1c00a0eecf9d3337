"""Etsy: EtsySoldOrders*.csv, one row per order, and EtsySoldOrderItems*.csv with the lines of those orders."""

from typing import ClassVar

import polars as pl
from django.utils.translation import gettext_lazy as _

from customers.models import Platform
from orders.importers import cells
from orders.importers.platform import PlatformLayout, told
from orders.importers.reader import NUMBERS, Reader

MONEY = (
    "Order Value", "Discount Amount", "Shipping Discount", "Shipping", "Sales Tax", "Order Total",
    "Card Processing Fees", "Order Net", "Adjusted Order Total", "Adjusted Card Processing Fees",
    "Adjusted Net Order Amount", "InPerson Discount", "Price", "Item Total", "Order Shipping", "Order Sales Tax",
)  # fmt: skip
DAYS = ("Sale Date", "Date Paid", "Date Shipped")


class _Etsy(PlatformLayout):
    platforms = (Platform.ETSY,)
    options: ClassVar = {"dates": "mdy"}

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Years of two digits become four. Amounts always have two decimals: a comma before them is the decimal one."""
        days = [pl.col(name).str.replace(_SHORT_DATE, "$1/20$2") for name in DAYS if name in frame.columns]
        return frame.with_columns(days + [_with_point(name) for name in MONEY if name in frame.columns])


_SHORT_DATE = r"^\s*([0-9]{1,2}/[0-9]{1,2})/([0-9]{2})\s*$"


def _with_point(name: str) -> pl.Expr:
    cell = pl.col(name)
    bare = cell.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return pl.when(cell.str.contains(r",[0-9]{2}[^0-9]*$")).then(bare).otherwise(cell).alias(name)


class EtsyReader(Reader):
    numbers = (*NUMBERS, "adjusted_total")

    def state(self) -> pl.Expr:
        """What is sold on Etsy is paid; the status is often empty."""
        sent = pl.when(self.moment("shipped_at").is_not_null()).then(pl.lit("shipped")).otherwise(pl.lit("paid"))
        word = pl.col("__state")
        return pl.when(word.is_null() | (word == "paid")).then(sent).otherwise(word)

    def refund(self, paid_at: pl.Expr) -> pl.Expr:
        """The adjusted total is what is left after refunds; 0 stands for "never adjusted"."""
        total, left = cells.exact(self.number("order_total")), cells.exact(self.number("adjusted_total"))
        back = pl.when((left > 0) & (left < total)).then((total - left).cast(pl.String))
        return pl.when(self.state() == "refunded").then(self.number("order_total")).otherwise(back)


class EtsyOrders(_Etsy):
    name = "etsy-orders"
    title = _("Etsy sold orders")
    needs = frozenset({"Sale Date", "Order ID", "Order Value", "Order Total"})
    grain = "order"
    reader = EtsyReader
    words: ClassVar = {"Partially Refunded": "paid"}
    columns: ClassVar = {
        "order_no": ["Order ID"],
        "placed_at": ["Sale Date"],
        "shipped_at": ["Date Shipped"],
        "status": ["Status"],
        "currency": ["Currency"],
        "order_total": ["Order Total"],
        "adjusted_total": ["Adjusted Order Total"],
        "buyer_id": ["Buyer User ID"],
        "buyer_name": ["Full Name"],
        "city": ["Ship City"],
        "country": ["Ship Country"],
        "address": ["__address"],
    }

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        frame = super().clean(frame)
        street = ("Street 1", "Street 2", "Ship Zipcode", "Ship City")
        return frame.with_columns(__address=cells.joined(*[told(frame, name) for name in street], by=", "))


class EtsyItems(_Etsy):
    name = "etsy-items"
    title = _("Etsy sold order items")
    needs = frozenset({"Order ID", "Transaction ID", "Item Name", "Item Total"})
    grain = "detail"
    columns: ClassVar = {
        "order_no": ["Order ID"],
        "product_name": ["Item Name"],
        "sku": ["SKU", "Listing ID"],
        "quantity": ["Quantity"],
        "unit_price": ["Price"],
        "line_amount": ["Item Total"],
        "currency": ["Currency"],
    }
