"""The UCI "Online Retail" layout: one row per line, cancelled invoices `C…`, everything paid when invoiced."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import polars as pl
from django.utils.translation import gettext_lazy as _

from orders.importers import cells
from orders.importers.layout import STATE_RANK, Context, first_problem, staged

HEADER = {"InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"}


class OnlineRetail:
    name = "online-retail"
    subject = "orders"
    title = _("Online Retail (UCI)")
    options: ClassVar[Mapping[str, str]] = {}

    def recognises(self, header: Sequence[str]) -> bool:
        return set(header) >= HEADER

    def stage(self, frame: pl.DataFrame, context: Context) -> pl.DataFrame:
        """`C…` rows become refunds of their customer; rows that can be neither line nor refund say why."""
        frame = _read(frame, context)
        is_refund, price, quantity = pl.col("is_refund"), pl.col("price"), pl.col("quantity")
        amount = (pl.col("price_value") * quantity.abs()).is_not_null()
        kind = pl.when(is_refund).then(pl.lit("r")).otherwise(pl.lit("l"))
        return staged(
            frame,
            {
                "row_no": pl.col("__row_no"),
                "kind": kind,
                "order_no": pl.col("invoice"),
                "buyer_key": pl.lit("platform:") + pl.col("buyer"),
                "buyer_original": cells.text(pl.col("CustomerID")),
                "country": cells.text(pl.col("Country")),
                "placed_at": pl.col("at"),
                "paid_at": pl.col("at"),
                "refunded_at": pl.when(is_refund).then(pl.col("at")),
                "state": pl.lit(STATE_RANK["paid"]),
                "sku": cells.text(pl.col("StockCode")),
                "product_name": cells.text(pl.col("Description")),
                "quantity": quantity.abs(),
                "unit_price": pl.when(amount).then(price),
                **first_problem(_checks(context)),
            },
        )


def _read(frame: pl.DataFrame, context: Context) -> pl.DataFrame:
    frame = frame.with_columns(
        invoice=cells.text(pl.col("InvoiceNo")),
        price=cells.number(pl.col("UnitPrice")),
        quantity=cells.whole(cells.number(pl.col("Quantity"))),
        buyer=cells.text(pl.col("CustomerID")).str.replace(r"\.0$", ""),
        at=cells.plain_moment(pl.col("InvoiceDate"), zone=context.zone),
    )
    if frame["at"].has_nulls():
        # The spreadsheet edition of the same data: 12/1/2010 8:26, month first.
        written = cells.moment(pl.col("InvoiceDate"), zone=context.zone, order="mdy")
        frame = frame.with_columns(at=pl.coalesce("at", written))
    return frame.with_columns(
        is_refund=pl.col("invoice").str.starts_with("C").fill_null(False), price_value=cells.value(pl.col("price"))
    )


def _checks(context: Context) -> list[tuple[pl.Expr, str, str]]:
    invoice, quantity, price, at = pl.col("invoice"), pl.col("quantity"), pl.col("price_value"), pl.col("at")
    return [
        (invoice.is_null(), "no_order_number", "InvoiceNo"),
        (invoice.str.contains(cells.SHORTENED), "shortened_number", "InvoiceNo"),
        (invoice.str.starts_with("A"), "adjustment", "InvoiceNo"),
        (invoice.str.len_chars() > 80, "too_long", "InvoiceNo"),
        (quantity.is_null(), "bad_quantity", "Quantity"),
        (price.is_null(), "bad_amount", "UnitPrice"),
        (at.is_null(), "bad_date", "InvoiceDate"),
        ((at > context.latest) | (at.dt.year() < 1990), "unlikely_date", "InvoiceDate"),
        (pl.col("is_refund") & (quantity >= 0), "refund_not_negative", "Quantity"),
        (~pl.col("is_refund") & (quantity <= 0), "quantity_not_positive", "Quantity"),
        (price <= 0, "price_not_positive", "UnitPrice"),
        (price * quantity.abs() >= cells.LARGEST_AMOUNT, "too_much", "UnitPrice"),
    ]
