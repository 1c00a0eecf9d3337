"""A store of about five purchases a customer, made of numbers: what the analysis is measured on."""

from datetime import date

import numpy as np
from numpy.typing import NDArray

SEED = 20_260_101
LAST_DAY = date(2026, 1, 31)
DAYS = 3 * 365
CHUNK = 50_000

COLUMNS = "customer_id, paid_on, net_amount, shop_id"
COUNTED = "paid_on IS NOT NULL AND customer_id IS NOT NULL AND (refunded_amount < paid_amount OR paid_amount = 0)"


def orders_of(customers: int, random: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
    """Customer, day before LAST_DAY and amount in minor units of each paid order; about five a customer."""
    count = 1 + random.negative_binomial(0.55, 0.55 / (0.55 + 4), size=customers)
    customer = np.repeat(np.arange(1, customers + 1), count)
    joined = random.integers(0, DAYS, size=customers)
    # Most purchases follow the one before within weeks, some within a year.
    day = np.minimum(np.repeat(joined, count), random.exponential(120, size=len(customer)).astype(np.int64))
    return customer, day, random.gamma(2, 8_000, size=len(customer)).astype(np.int64)


def fill(customers: int) -> None:
    """A store made of numbers, the same in every run."""
    from django.core.management import call_command
    from django.db import connection

    from customers.models import Shop

    call_command("migrate", verbosity=0)
    shop = Shop.objects.create(code="bench", name="Bench", currency="CNY")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO customers_customer (id, name, phone, email, city, country, language, note, extra, is_demo,
                                            created_at, updated_at)
            SELECT n, 'Customer ' || n, '', '', '', '', '', '', '{}'::jsonb, false, now(), now()
            FROM generate_series(1, %s) n
            """,
            [customers],
        )
        cursor.execute("CREATE TEMPORARY TABLE made (number bigint, customer bigint, day bigint, net bigint)")
        _make_orders(customers, shop.pk)
        connection.ensure_connection()
        cursor.execute("VACUUM ANALYZE")


def _make_orders(customers: int, shop: int) -> None:
    from django.db import connection

    from segmentation.analysis.copying import copy_in

    random, number = np.random.default_rng(SEED), 0
    row = np.dtype([("number", "i8"), ("customer", "i8"), ("day", "i8"), ("net", "i8")])
    for start in range(0, customers, CHUNK):
        customer, day, net = orders_of(min(CHUNK, customers - start), random)
        rows = np.empty(len(customer), row)
        rows["number"] = np.arange(number, number + len(customer))
        rows["customer"], rows["day"], rows["net"] = customer + start, day, net
        number += len(customer)
        copy_in("made", rows[random.permutation(len(rows))])
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO orders_order (shop_id, external_id, customer_id, state, platform_state, placed_at, paid_at,
                    paid_on, total_amount, paid_amount, refunded_amount, extra, created_at, updated_at)
                SELECT %s, number::text, customer, 'completed', '', moment, moment, moment::date, net / 100.0,
                       net / 100.0, 0, '{}'::jsonb, now(), now()
                FROM (SELECT *, %s::timestamptz - day * INTERVAL '1 day' AS moment FROM made) made
                """,
                [shop, f"{LAST_DAY} 04:00Z"],
            )
            cursor.execute("TRUNCATE made")


def query(text: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(text)
