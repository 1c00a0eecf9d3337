"""The purchases of online_retail.csv.gz, put into the tables without the importer."""

from io import StringIO
from pathlib import Path

import polars as pl
from django.db import connection

from customers.models import Shop

PATH = Path(__file__).parents[3] / "shared" / "data" / "online_retail.csv.gz"


def read_orders() -> pl.DataFrame:
    """One row per invoice of an identified customer: number, customer, day, amount in pence."""
    lines = pl.read_csv(PATH, infer_schema=False)
    clean = lines.with_columns(pl.col("Quantity").cast(pl.Int64), pl.col("UnitPrice").cast(pl.Decimal(scale=3))).filter(
        pl.col("CustomerID").is_not_null() & (pl.col("CustomerID") != ""),
        ~pl.col("InvoiceNo").str.starts_with("C"),
        pl.col("Quantity") > 0,
        pl.col("UnitPrice") > 0,
    )
    return clean.group_by("InvoiceNo").agg(
        pl.col("CustomerID").first().str.replace(".0", "", literal=True).cast(pl.Int64).alias("customer"),
        pl.col("InvoiceDate").first().alias("moment"),
        (pl.col("Quantity") * pl.col("UnitPrice")).sum().cast(pl.Float64).round(2).alias("amount"),
    )


def load_orders(shop: Shop) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE retail (number text, customer bigint, moment timestamp, amount numeric)")
        rows = [(r["InvoiceNo"], r["customer"], r["moment"], r["amount"]) for r in read_orders().iter_rows(named=True)]
        text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
        cursor.copy_expert("COPY retail FROM STDIN", StringIO(text))
        cursor.execute(
            """
            INSERT INTO customers_customer (id, name, phone, email, city, country, language, note, extra, is_demo,
                                            created_at, updated_at)
            SELECT DISTINCT customer, '', '', '', '', '', '', '', '{}'::jsonb, false, now(), now() FROM retail
            """
        )
        cursor.execute(
            """
            INSERT INTO orders_order (shop_id, external_id, customer_id, state, platform_state, placed_at, paid_at,
                paid_on, total_amount, paid_amount, refunded_amount, extra, created_at, updated_at)
            SELECT %s, number, customer, 'completed', '', moment AT TIME ZONE 'Europe/London',
                   moment AT TIME ZONE 'Europe/London', moment::date, amount, amount, 0, '{}'::jsonb, now(), now()
            FROM retail
            """,
            [shop.pk],
        )
