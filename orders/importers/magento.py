"""Magento 2: the order grid as CSV. One row per order, no lines."""

from typing import ClassVar

import polars as pl
from django.utils.translation import gettext_lazy as _

from customers.models import Platform
from orders.importers import cells
from orders.importers.platform import PlatformLayout, told
from orders.importers.reader import NUMBERS, Checks, Reader

#: `May 16, 2023 9:46:58 AM`, as newer versions write it.
_SPOKEN_DATE = "%b %d, %Y %I:%M:%S %p"


class MagentoReader(Reader):
    """Totals are in the shop's own currency (Base), refunds in the one that the buyer paid in (Purchased)."""

    numbers = (*NUMBERS, "purchased")

    def is_in_one_currency(self) -> pl.Expr:
        return (self.value("order_total") == self.value("purchased")).fill_null(True)

    def refund(self, paid_at: pl.Expr) -> pl.Expr:
        told = self.value("refund_amount")
        is_whole = told == self.charged()
        was_closed = (self.state() == "refunded") & (told.fill_null(0) == 0)
        whole, part = self.number("order_total"), self.number("refund_amount")
        return pl.when(is_whole | was_closed).then(whole).otherwise(part)

    def charged(self) -> pl.Expr:
        return pl.coalesce(self.value("purchased"), self.value("order_total"))

    def amount_checks(self) -> Checks:
        """A refund is compared with what the buyer paid; one in part, in another currency, cannot be counted."""
        found = [check for check in super().amount_checks() if check[1] != "refund_too_large"]
        if "refund_amount" not in self.columns:
            return found
        column = self.columns["refund_amount"]
        told, whole = self.value("refund_amount"), self.charged()
        in_part = (told > 0) & (told != whole)
        return [
            *found,
            (told > whole + 0.005, "refund_too_large", column),
            (in_part & ~self.is_in_one_currency(), "currency", column),
        ]

    def currency_checks(self) -> Checks:
        column = self.columns["order_total"]
        return [(cells.is_foreign(pl.col(column), self.context.currency), "currency", column)]


class Magento(PlatformLayout):
    """A closed order of Magento is one whose money was given back."""

    name = "magento-grid"
    title = _("Magento order grid")
    platforms = (Platform.MAGENTO,)
    needs = frozenset({"ID", "Purchase Date", "Grand Total (Purchased)", "Status"})
    grain = "order"
    reader = MagentoReader
    words: ClassVar = {
        "Closed": "refunded",
        "Pending Payment": "created",
        "Payment Review": "created",
        "Suspected Fraud": "created",
        "Holded": "created",
    }
    columns: ClassVar = {
        "order_no": ["ID"],
        "placed_at": ["Purchase Date"],
        "status": ["Status"],
        "order_total": ["Grand Total (Base)", "Grand Total (Purchased)"],
        "purchased": ["Grand Total (Purchased)"],
        "refund_amount": ["Total Refunded"],
        "email": ["Customer Email"],
        "buyer_name": ["__name"],
        "address": ["Billing Address"],
    }

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        spoken = pl.col("Purchase Date").str.strip_chars().str.to_datetime(_SPOKEN_DATE, strict=False)
        plain = spoken.dt.strftime("%Y-%m-%d %H:%M:%S")
        name = told(frame, "Customer Name", "Bill-to Name")
        return frame.with_columns(pl.coalesce(plain, "Purchase Date").alias("Purchase Date"), __name=name)
