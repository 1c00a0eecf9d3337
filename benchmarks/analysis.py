"""How long a refresh takes, beside the floor of this machine: reading the same columns and doing nothing with them.

`python -m benchmarks.analysis [--customers 200000] [--repeats 3] [--million]`, on a database of its own that is thrown
away. Cases take turns, medians count; on a busy machine trust the ratios, not the seconds.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks.scratch import scratch_servers

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


class Nowhere:
    """A file that forgets."""

    def write(self, data: bytes) -> int:
        return len(data)


def scan() -> None:
    """Floor: the columns read through the index by PostgreSQL itself."""
    _query(f"SELECT count(*), max(customer_id), max(paid_on), sum(net_amount) FROM orders_order WHERE {COUNTED}")  # noqa: S608


def copy_out() -> None:
    """Floor: the columns sent to this process, which forgets them."""
    from django.db import connection

    with connection.cursor() as cursor:
        query = f"SELECT {COLUMNS} FROM orders_order WHERE {COUNTED} ORDER BY customer_id, paid_on"  # noqa: S608
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", Nowhere())


def first_refresh() -> None:
    """Nobody has a label yet: every row is written, and its history."""
    refresh_as_of(LAST_DAY)


def quiet_refresh() -> None:
    """The same once more: nothing has changed, nothing is written."""
    refresh_as_of(LAST_DAY)


def next_day() -> None:
    """A night later, no new orders: new cuts, and those who crossed a bound are written."""
    refresh_as_of(LAST_DAY + timedelta(days=1))


def refresh_as_of(day: date) -> None:
    from segmentation.services import refresh

    refresh(as_of=day)


def forget() -> None:
    _query("TRUNCATE customers_customerfacts, segmentation_labelchange, segmentation_analysisrun")


def _query(query: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query)


CASES: Sequence[tuple[str, Callable[[], None]]] = (
    ("floor: index-only scan", scan),
    ("floor: binary COPY out", copy_out),
    ("first refresh, everybody new", first_refresh),
    ("refresh, nothing changed", quiet_refresh),
    ("refresh a day later", next_day),
)


def measure(repeats: int) -> dict[str, float]:
    """Median seconds of each case."""
    seconds: dict[str, list[float]] = {name: [] for name, _case in CASES}
    for _round in range(repeats):
        forget()
        for name, case in CASES:
            began = perf_counter()
            case()
            seconds[name].append(perf_counter() - began)
            _query("VACUUM ANALYZE customers_customerfacts")
    return {name: median(taken) for name, taken in seconds.items()}


def report(seconds: dict[str, float]) -> None:
    from orders.models import Order
    from segmentation.models import AnalysisRun

    run = AnalysisRun.objects.latest("id")
    print(f"{run.counts['customers']:,} customers, {Order.objects.count():,} orders, bounds {run.bounds}")
    floor, copied = seconds["floor: index-only scan"], seconds["floor: binary COPY out"]
    print(f"{'':32}{'seconds':>9}{'× scan':>9}{'× COPY':>9}")
    for name, taken in seconds.items():
        print(f"{name:32}{taken:9.2f}{taken / floor:9.1f}{taken / copied:9.1f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the refreshing process: {peak:.0f} MiB")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.analysis", description=__doc__)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--million", action="store_true", help="1,000,000 customers and about 5,000,000 orders")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--fill-only", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    customers = 1_000_000 if options.million else options.customers
    with scratch_servers():
        if options.fill_only:
            fill(customers)
            return
        # In a process of its own: its memory is none of the refresh's.
        filling = [sys.executable, "-m", "benchmarks.analysis", "--fill-only", "--customers", str(customers)]
        subprocess.run(filling, check=True)
        report(measure(options.repeats))


if __name__ == "__main__":
    main()
