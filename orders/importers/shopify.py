"""Shopify: orders_export.csv with the order's own cells on its first row only, and the customers' export."""

from typing import ClassVar

import polars as pl
from django.utils.translation import gettext_lazy as _

from customers.models import Platform
from orders.importers import cells
from orders.importers.platform import PlatformLayout, told
from orders.importers.reader import NUMBERS, Reader

#: Financial statuses of an order whose money came in, whatever became of it later.
WAS_PAID = ("paid", "partially_refunded", "refunded")


class ShopifyReader(Reader):
    """An order's state is made of three columns: the payment's, the delivery's, and when it was cancelled."""

    numbers = (*NUMBERS, "outstanding", "line_discount")

    def is_head(self) -> pl.Expr:
        return pl.any_horizontal(self.text(name).is_not_null() for name in ("status", "order_total", "paid_at"))

    def payment(self) -> pl.Expr:
        return self.text("status").str.to_lowercase()

    def is_paid(self) -> pl.Expr:
        # Of a part payment only the amount still owed is told, and not by every shop.
        in_part = (self.payment() == "partially_paid") & self.number("outstanding").is_not_null()
        came_in = self.moment("paid_at").is_not_null() & (self.payment() != "voided").fill_null(True)
        return (self.payment().is_in(WAS_PAID) | in_part | came_in).fill_null(False)

    def state(self) -> pl.Expr:
        is_paid, payment, delivery = self.is_paid(), self.payment(), self.text("fulfilment").str.to_lowercase()
        is_cancelled = self.text("cancelled_at").is_not_null()
        return (
            pl.when(payment == "voided").then(pl.lit("closed"))
            .when(payment == "refunded").then(pl.lit("refunded"))
            # Money that came in for a cancelled order is owed to the buyer until it is given back.
            .when(is_cancelled).then(pl.when(is_paid).then(pl.lit("refunding")).otherwise(pl.lit("closed")))
            .when(delivery.is_in(["fulfilled", "partial"])).then(pl.lit("shipped"))
            .when(is_paid).then(pl.lit("paid"))
            .otherwise(pl.lit("created"))
        )  # fmt: skip

    def refund(self, paid_at: pl.Expr) -> pl.Expr:
        """As told. Only a refunded order of an old export, which had no column for it, gave back its total."""
        is_untold = (self.payment() == "refunded") & (self.value("refund_amount").fill_null(0) == 0)
        return pl.when(is_untold).then(self.number("order_total")).otherwise(self.number("refund_amount"))

    def paid_amount(self) -> pl.Expr:
        owed = cells.exact(self.number("outstanding"))
        in_part = cells.exact(self.number("order_total")) - owed
        return pl.when(self.payment() == "partially_paid").then(in_part.cast(pl.String))

    def line_amount(self) -> pl.Expr:
        quantity = cells.whole(self.value("quantity"))
        whole = cells.exact(self.number("unit_price")) * quantity
        net = whole - cells.exact(self.number("line_discount")).fill_null(0)
        return pl.when(net < 0).then(pl.lit("0")).otherwise(net.cast(pl.String))


class ShopifyOrders(PlatformLayout):
    name = "shopify-orders"
    title = _("Shopify orders")
    platforms = (Platform.SHOPIFY,)
    needs = frozenset({"Name", "Created at", "Financial Status", "Total", "Lineitem quantity", "Lineitem price"})
    grain = "continued"
    options: ClassVar = {"own_id": "Id"}
    reader = ShopifyReader
    columns: ClassVar = {
        "order_no": ["Name"],
        "placed_at": ["Created at"],
        "paid_at": ["Paid at"],
        "shipped_at": ["Fulfilled at", "Fulfillment Date"],
        "cancelled_at": ["Cancelled at", "Canceled at"],
        "status": ["Financial Status"],
        "fulfilment": ["Fulfillment Status"],
        "currency": ["Currency"],
        "order_total": ["Total"],
        "outstanding": ["Outstanding Balance"],
        "refund_amount": ["Refunded Amount"],
        "email": ["Email"],
        "phone": ["Phone", "Billing Phone"],
        "buyer_name": ["Billing Name", "Shipping Name"],
        "city": ["Shipping City", "Billing City"],
        "country": ["Shipping Country", "Billing Country"],
        "address": ["__address"],
        "quantity": ["Lineitem quantity"],
        "product_name": ["Lineitem name"],
        "sku": ["Lineitem sku", "Lineitem SKU"],
        "unit_price": ["Lineitem price"],
        "line_discount": ["Lineitem discount"],
    }

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The buyer is whom the bill goes to; the parcel may go to somebody else."""
        pairs = [
            ("Phone", "Billing Phone"), ("Billing Name", "Shipping Name"),
            ("Shipping City", "Billing City"), ("Shipping Country", "Billing Country"),
        ]  # fmt: skip
        bill = ("Billing Address1", "Billing Address2", "Billing Zip", "Billing City")
        return frame.with_columns(
            *[told(frame, *pair).alias(pair[0]) for pair in pairs if pair[0] in frame.columns],
            __address=cells.joined(*[told(frame, name) for name in bill], by=", "),
        )

    def adjusted(self, read: Reader) -> dict[str, pl.Expr]:
        assert isinstance(read, ShopifyReader)
        words = cells.joined(read.text("status"), read.text("fulfilment"), by=", ")
        paid_at = pl.coalesce(read.moment("paid_at"), read.moment("placed_at"))
        return {
            "paid_at": pl.when(read.is_paid()).then(paid_at),
            "paid": read.paid_amount(),
            "amount": read.line_amount(),
            "platform_state": words.str.slice(0, 80),
            # The e-mail is repeated below the first row, the phone is not: one buyer is not to look like two.
            "buyer_key": pl.when(read.is_head()).then(read.buyer()["buyer_key"]),
        }
