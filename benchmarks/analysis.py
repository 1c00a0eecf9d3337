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

from benchmarks.analysis_rivals import pandas_and_orm, plain_sql, plain_sql_into_facts
from benchmarks.purchases import COLUMNS, COUNTED, LAST_DAY, fill, query
from benchmarks.scratch import scratch_servers


class Nowhere:
    """A file that forgets."""

    def write(self, data: bytes) -> int:
        return len(data)


def scan() -> None:
    """Floor: the columns read through the index by PostgreSQL itself."""
    query(f"SELECT count(*), max(customer_id), max(paid_on), sum(net_amount) FROM orders_order WHERE {COUNTED}")  # noqa: S608


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
    query(
        f"""UPDATE orders_order SET paid_amount = paid_amount + 1 WHERE id IN (
              SELECT min(o.id) FROM customers_customer c JOIN orders_order o ON o.customer_id = c.id
              WHERE c.id % ((SELECT count(*) FROM customers_customer) / {count}) = 0 GROUP BY c.id LIMIT {count})"""  # noqa: S608
    )


def forget() -> None:
    query(
        """TRUNCATE customers_customerfacts, segmentation_labelchange, segmentation_labeltally, segmentation_touched,
           segmentation_analysisrun CASCADE"""
    )


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
            query("VACUUM ANALYZE customers_customerfacts")
            query("VACUUM ANALYZE orders_order")
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
