"""How long a refresh takes, beside the floor of this machine and beside the ways it is usually done.

`python -m benchmarks.analysis [--customers 1000000] [--small 100000] [--repeats 3]`, two stores of about five orders a
customer, on databases of their own that are thrown away.
* floors: the columns of all purchases through the index, read by PostgreSQL alone; and sent out over two connections
  at once by binary COPY to somebody who forgets them;
* ours: a full refresh by two processes that share the ranges — of people never seen, of a quiet store, a day later —
  and a refresh of 1,000 and 10,000 customers who have just bought, with the bounds in force;
* rivals: one plain SQL statement over the same index, into a new table and, the same job as ours, into the facts where
  they differ; pandas with Django's ORM (at the small store).
Cases take turns, medians count; on a busy machine trust the ratios, not the seconds.
"""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from math import log10
from statistics import median
from time import perf_counter, sleep

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
    """Floor: the columns sent over two connections at once, each half of the customers, and forgotten."""
    from customers.models import Customer

    middle = Customer.objects.count() // 2
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_copy_half, [(0, middle), (middle, 2 * middle + 1)]))


def _copy_half(part: tuple[int, int]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        query = f"""SELECT {COLUMNS} FROM orders_order WHERE {COUNTED}
            AND customer_id > {part[0]} AND customer_id <= {part[1]} ORDER BY customer_id, paid_on"""  # noqa: S608
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", Nowhere())
    connection.close()


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
    from customers.books import books
    from segmentation.analysis.run import refresh_book

    for book in books():
        refresh_book(book=book, as_of=day)


def touched(count: int) -> Callable[[], None]:
    """A refresh of so many customers, all over the store, who have bought since."""

    def case() -> None:
        from segmentation.analysis.touched import refresh_touched

        found = refresh_touched(days={"CNY": LAST_DAY + timedelta(days=1)}, most=10**9)
        assert found is not None and len(found.ids) == count, found

    return case


def buy(count: int) -> None:
    _query(
        f"""UPDATE orders_order SET paid_amount = paid_amount + 1 WHERE id IN (
              SELECT min(o.id) FROM customers_customer c JOIN orders_order o ON o.customer_id = c.id
              WHERE c.id % ((SELECT count(*) FROM customers_customer) / {count}) = 0 GROUP BY c.id LIMIT {count})"""  # noqa: S608
    )


def _plain(day: date) -> str:
    """Scores, groups, stages and facts by one statement with window functions."""
    return f"""
        WITH spells AS (
          SELECT customer_id, paid_on - lag(paid_on) OVER (PARTITION BY customer_id ORDER BY paid_on) AS days
          FROM (SELECT DISTINCT customer_id, paid_on FROM orders_order WHERE {COUNTED}) bought),
        bounds AS (SELECT percentile_disc(ARRAY[0.3, 0.6, 0.9]) WITHIN GROUP (ORDER BY days) AS b FROM spells),
        people AS (
          SELECT customer_id, DATE '{day}' - max(paid_on) AS r, count(*) AS f, sum(net_amount) AS m,
            min(paid_on) AS first, max(paid_on) AS last
          FROM orders_order WHERE {COUNTED} GROUP BY customer_id),
        gaps AS (SELECT customer_id, percentile_disc(0.5) WITHIN GROUP (ORDER BY days) AS gap FROM spells GROUP BY 1)
        SELECT people.*, gap, 6 - ntile(5) OVER (ORDER BY r, customer_id) AS rs,
          ntile(5) OVER (ORDER BY f, customer_id) AS fs, ntile(5) OVER (ORDER BY m, customer_id) AS ms,
          r < avg(r) OVER () AS rh, f > avg(f) OVER () AS fh, m > avg(m) OVER () AS mh, width_bucket(r, b) AS stage
        FROM people LEFT JOIN gaps USING (customer_id) CROSS JOIN bounds"""  # noqa: S608


def plain_sql() -> None:
    """Rival: one statement, into a new table without an index that nobody reads meanwhile."""
    _query("DROP TABLE IF EXISTS plain_state")
    _query(f"CREATE TABLE plain_state AS {_plain(LAST_DAY)}")


_FACTS = ("orders", "net_amount", "first_paid_on", "last_paid_on", "median_gap", "r_score", "f_score", "m_score",
          '"group"', "stage")  # fmt: skip


def plain_sql_into_facts(day: date = LAST_DAY + timedelta(days=1)) -> None:
    """Rival: the same job as ours a day later: one statement that leaves its result in the facts, where it differs."""
    names, known, fresh = (", ".join(f"{alias}{name}" for name in _FACTS) for alias in ("", "known.", "excluded."))
    _query(
        f"""
        INSERT INTO customers_customerfacts AS known (customer_id, book, purchase_days, refunds, platforms, email_ok,
          sms_ok, refreshed_at, {names})
        SELECT customer_id, 'CNY', f, 0, '{{}}', false, false, now(), f, m, first, last, gap, rs, fs, ms,
          'g' || rh::int || fh::int || mh::int, 's' || stage
        FROM ({_plain(day)}) AS found
        ON CONFLICT (customer_id) DO UPDATE SET ({names}) = ROW ({fresh})
        WHERE ({known}) IS DISTINCT FROM ({fresh})"""  # noqa: S608
    )


def pandas_and_orm() -> None:
    """Rival: everything into a DataFrame, qcut, back by bulk_create(update_conflicts)."""
    import pandas as pd
    from django.db import connection

    from customers.models import CustomerFacts

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT customer_id, paid_on, net_amount FROM orders_order WHERE {COUNTED}")  # noqa: S608
        frame = pd.DataFrame(cursor.fetchall(), columns=["customer", "day", "net"])
    frame["day"], frame["net"] = pd.to_datetime(frame["day"]), frame["net"].astype(float)
    people = frame.groupby("customer").agg(last=("day", "max"), f=("day", "size"), m=("net", "sum"))
    people["r"] = (pd.Timestamp(LAST_DAY) - people["last"]).dt.days
    scores = {name: pd.qcut(people[name].rank(method="first"), 5, labels=False) + 1 for name in ("r", "f", "m")}
    rows = [
        CustomerFacts(
            customer_id=pk, book="CNY", orders=f, net_amount=round(m, 2), last_paid_on=last.date(),
            r_score=6 - rs, f_score=fs, m_score=ms,
        )
        for pk, last, f, m, rs, fs, ms in zip(
            people.index, people["last"], people["f"], people["m"], scores["r"], scores["f"], scores["m"], strict=True
        )
    ]  # fmt: skip
    CustomerFacts.objects.bulk_create(
        rows, batch_size=1_000, update_conflicts=True, unique_fields=["customer"],
        update_fields=["book", "orders", "net_amount", "last_paid_on", "r_score", "f_score", "m_score"],
    )  # fmt: skip


def forget() -> None:
    _query(
        """TRUNCATE customers_customerfacts, segmentation_labelchange, segmentation_labeltally, segmentation_touched,
           segmentation_analysisrun CASCADE"""
    )


def _query(query: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query)


Case = tuple[str, Callable[[], None], Callable[[], None]]


def nothing() -> None: ...


CASES: Sequence[Case] = (
    ("floor: index-only scan", scan, nothing),
    ("floor: two binary COPYs out", copy_out, nothing),
    ("first refresh, everybody new", first_refresh, nothing),
    ("full refresh, nothing changed", quiet_refresh, nothing),
    ("full refresh a day later", next_day, nothing),
    ("1,000 touched", touched(1_000), lambda: buy(1_000)),
    ("10,000 touched", touched(10_000), lambda: buy(10_000)),
)
RIVALS: Sequence[Case] = (
    ("rival: one SQL statement", plain_sql, nothing),
    ("rival: the same into the facts", plain_sql_into_facts, lambda: plain_sql_into_facts(LAST_DAY)),
    ("rival: pandas and ORM", pandas_and_orm, nothing),
)


def measure(repeats: int, cases: Sequence[Case]) -> dict[str, float]:
    """Median seconds of each case."""
    seconds: dict[str, list[float]] = {}
    for _turn in range(repeats):
        forget()
        for name, case, prepare in cases:
            prepare()
            _query("VACUUM ANALYZE customers_customerfacts")
            _query("VACUUM ANALYZE orders_order")
            began = perf_counter()
            case()
            seconds.setdefault(name, []).append(perf_counter() - began)
    return {name: median(taken) for name, taken in seconds.items()}


@contextmanager
def helper() -> Iterator[None]:
    """A second process that takes ranges of whatever full run is under way, as another worker does."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.analysis", "--help-runs"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def help_runs() -> None:
    from segmentation.analysis.parts import help_with
    from segmentation.models import AnalysisRun

    while True:
        run = AnalysisRun.objects.filter(state="running").values_list("pk", flat=True).first()
        if run is None:
            sleep(0.05)
        else:
            help_with(run)


def store(customers: int, repeats: int, rivals: Sequence[Case]) -> dict[str, object]:
    """The figures of one store, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.analysis", "--customers", str(customers)]
    subprocess.run([*command, "--fill-only"], check=True)
    with helper():
        names = ",".join(name for name, *_rest in rivals)
        told = subprocess.run(
            [*command, "--store", names, "--repeats", str(repeats)], stdout=subprocess.PIPE, text=True, check=True
        )
    found: dict[str, object] = json.loads(told.stdout.splitlines()[-1])
    return found


def work(repeats: int, names: str) -> None:
    from orders.models import Order
    from segmentation.models import AnalysisRun

    seconds = measure(repeats, CASES)
    run = AnalysisRun.objects.filter(kind="full").latest("id")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds |= measure(1, [case for case in RIVALS if case[0] in names.split(",")])
    print(json.dumps({
        "seconds": seconds, "peak": peak, "customers": run.counts["customers"], "orders": Order.objects.count(),
        "bounds": run.bounds,
    }))  # fmt: skip


def report(found: dict[str, object]) -> dict[str, float]:
    seconds: dict[str, float] = found["seconds"]  # type: ignore[assignment]
    print(f"\n{found['customers']:,} customers, {found['orders']:,} orders, bounds {found['bounds']}")
    scanned, copied = seconds["floor: index-only scan"], seconds["floor: two binary COPYs out"]
    print(f"{'':36}{'seconds':>9}{'× scan':>9}{'× COPYs':>9}")
    for name, taken in seconds.items():
        print(f"{name:36}{taken:9.3f}{taken / scanned:9.1f}{taken / copied:9.1f}")
    print(f"peak memory of the leading process: {found['peak']:.0f} MiB")
    return seconds


def compare(small: dict[str, float], large: dict[str, float], times: float) -> None:
    """The goals, in ratios of this run."""
    full = "full refresh a day later"
    goal("full refresh ÷ two COPYs out", large[full] / large["floor: two binary COPYs out"], "≤ 4")
    goal("one SQL statement, same job ÷ full refresh", large["rival: the same into the facts"] / large[full], "≥ 3")
    goal("one SQL statement, new table ÷ full refresh", large["rival: one SQL statement"] / large[full], "none")
    goal("pandas and ORM ÷ full refresh, small store", small["rival: pandas and ORM"] / small[full], "≥ 20")
    goal("1,000 touched: large store ÷ small", large["1,000 touched"] / small["1,000 touched"], "≤ 2")
    goal("10,000 touched ÷ full refresh", large["10,000 touched"] / large[full], "≤ 0.25")
    goal("growth of a full refresh, exponent", log10(large[full] / small[full]) / log10(times), "≤ 1.1")


def goal(name: str, found: float, wanted: str) -> None:
    print(f"{name:48}{found:9.2f}    goal {wanted}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.analysis", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--fill-only", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--help-runs", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--store", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not (options.fill_only or options.help_runs or options.store is not None):
        both(options.small, options.customers, options.repeats)
        return
    with scratch_servers():
        if options.fill_only:
            fill(options.customers)
        elif options.help_runs:
            help_runs()
        else:
            work(options.repeats, options.store)


def both(small: int, large: int, repeats: int) -> None:
    figures = []
    for customers, rivals in ((small, RIVALS[2:]), (large, RIVALS[:2])):
        with scratch_servers():
            figures.append(report(store(customers, repeats, rivals)))
    print()
    compare(figures[0], figures[1], large / small)


if __name__ == "__main__":
    main()
