"""How fast an order file is imported, beside the floor of this machine and beside the ways it is usually done.

`python -m benchmarks.imports [--lines 1000000] [--repeats 3]`, on a database of its own that is thrown away.
* floor: raw COPY of the same file into an unlogged table without indexes; and what the finished rows take by plain
  INSERT … SELECT, by one connection, into empty tables like the product's, with their indexes and checks;
* ours: from the upload to rows in their tables — decoding, validation, identities, rejected rows — and from there
  until the other rooms have been told (touchpoints, reach), each in a process of its own, into an empty shop, then
  the same file again; also with a tenth of the lines, to see whether the rate falls as a shop grows;
* rivals: `bulk_create(update_conflicts=True)` and a loop of `update_or_create`, on fewer lines.
Floor and imports take turns, medians count; on a busy machine trust the ratios, not the seconds.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks import invented
from benchmarks.scratch import scratch_servers

if TYPE_CHECKING:  # Django is set up by then
    from django.db.backends.utils import CursorWrapper

LINES = 1_000_000
BULK_LINES = 50_000
LOOP_LINES = 2_000


@dataclass(frozen=True)
class Run:
    """Seconds until all rows were in their tables, until everybody was told, and peak memory in MB."""

    written: float
    told: float
    memory: float


def floor(path: Path) -> float:
    """Seconds of a raw COPY into an unlogged table without indexes."""
    from django.db import connection

    names = ", ".join(f"c{place} text" for place in range(len(invented.HEADER)))
    with connection.cursor() as cursor, path.open("rb") as file:
        cursor.execute("DROP TABLE IF EXISTS floor_rows")
        cursor.execute(f"CREATE UNLOGGED TABLE floor_rows ({names})")
        started = perf_counter()
        cursor.cursor.copy_expert("COPY floor_rows FROM STDIN (FORMAT csv, HEADER)", file)
        seconds = perf_counter() - started
        cursor.execute("DROP TABLE floor_rows")
        return seconds


#: What an import fills, in the order in which it does; of orders and lines those of one shop.
FILLED = {
    "customers_customer": "TABLE customers_customer ORDER BY id",
    "customers_identity": "TABLE customers_identity ORDER BY id",
    "orders_order": "SELECT * FROM orders_order WHERE shop_id = %(shop)s ORDER BY id",
    "orders_orderline": """SELECT l.* FROM orders_orderline l JOIN orders_order o ON o.id = l.order_id
        WHERE o.shop_id = %(shop)s ORDER BY l.order_id, l.line_no""",
}


def plain(shop_code: str) -> float:
    """Seconds that the rows of an import take by INSERT … SELECT into tables like those they are in."""
    from django.db import connection

    from customers.models import Shop

    shop, seconds = Shop.objects.get(code=shop_code), 0.0
    with connection.cursor() as cursor:
        for table, rows in FILLED.items():
            cursor.execute(f"CREATE TABLE floor_rows (LIKE {table} INCLUDING ALL)")
            cursor.execute(f"CREATE TEMP TABLE finished AS {rows}", {"shop": shop.pk})
            names = _own_columns(cursor, table)
            started = perf_counter()
            insert = f"INSERT INTO floor_rows ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM finished"  # noqa: S608
            cursor.execute(insert)
            seconds += perf_counter() - started
            cursor.execute("DROP TABLE floor_rows, finished")
    return seconds


def _own_columns(cursor: "CursorWrapper", table: str) -> str:
    """All but those that the database works out itself."""
    cursor.execute(
        """SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
           WHERE table_name = %s AND is_generated = 'NEVER'""",
        [table],
    )
    return str(cursor.fetchone()[0])


def import_once(path: Path, shop_code: str) -> Run:
    """One import in this process, with every receiver that the product has."""
    from orders import services
    from orders.importers import running

    shop = services.ensure_shop(code=shop_code, currency="CNY", timezone="Asia/Shanghai")
    written: list[float] = []
    tell = running._Import._tell

    def noted(run: running._Import) -> None:
        written.append(perf_counter())
        tell(run)

    running._Import._tell = noted  # type: ignore[method-assign]
    started = perf_counter()
    with path.open("rb") as file:
        import_file = services.receive_file(shop=shop, name=path.name, chunks=iter(lambda: file.read(1 << 20), b""))
    services.assign_columns(import_file=import_file, columns=invented.COLUMNS)
    job = services.import_here(import_file=import_file)
    told = perf_counter()
    assert job.state == "done", job.message
    import_file.refresh_from_db()
    expect(import_file.counts)
    return Run(written[0] - started, told - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def expect(counts: dict[str, object]) -> None:
    """A fast import of wrong rows would prove nothing: every hundredth row is rejected, and only those."""
    rejected, rows = counts["rejected"], counts["rows"]
    assert isinstance(rejected, dict) and isinstance(rows, int)
    assert sum(rejected.values()) == rows // 100, counts


def rival(name: str, path: Path, shop_code: str) -> float:
    from benchmarks import rivals
    from orders import services

    ways: dict[str, Callable[[Path, rivals.Shop], int]] = {"bulk": rivals.by_bulk_create, "loop": rivals.by_loop}
    shop = services.ensure_shop(code=shop_code, currency="CNY", timezone="Asia/Shanghai")
    started = perf_counter()
    ways[name](path, shop)
    return perf_counter() - started


def child(*arguments: str) -> list[float]:
    """Figures that a process of its own prints in its last line."""
    command = [sys.executable, "-m", "benchmarks.imports", "--child", *arguments]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [float(figure) for figure in told.splitlines()[-1].split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with scratch_servers() as folder:
        if options.child:
            print(*work(*options.child))
        else:
            compare(folder, options.lines, options.repeats)


def work(way: str, path: str, shop_code: str) -> list[float]:
    if way != "import":
        return [rival(way, Path(path), shop_code)]
    run = import_once(Path(path), shop_code)
    return [run.written, run.told, run.memory]


def compare(folder: Path, lines: int, repeats: int) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    files = {
        count: invented.write(folder / f"{count}.csv", count)
        for count in (lines, lines // 10, min(BULK_LINES, lines), min(LOOP_LINES, lines))
    }
    floors: list[float] = []
    fresh, again, tenth = [], [], []
    for turn in range(repeats):
        floors.append(floor(files[lines]))
        tenth.append(Run(*child("import", str(files[lines // 10]), f"tenth-{turn}")))
        fresh.append(Run(*child("import", str(files[lines]), f"shop-{turn}")))
        again.append(Run(*child("import", str(files[lines]), f"shop-{turn}")))
        vacuum()
    finished = plain("shop-0")
    bulk = child("bulk", str(files[min(BULK_LINES, lines)]), "bulk")[0]
    loop = child("loop", str(files[min(LOOP_LINES, lines)]), "loop")[0]
    report(lines, median(floors), finished, fresh, again, tenth)
    report_rivals(lines, fresh, (min(BULK_LINES, lines), bulk), (min(LOOP_LINES, lines), loop))


def vacuum() -> None:
    """What autovacuum does in the minutes between two imports of a real shop."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def report(lines: int, base: float, finished: float, fresh: list[Run], again: list[Run], tenth: list[Run]) -> None:
    print(f"{lines:,} lines of {len(invented.HEADER)} columns, 1 % of them bad; medians of {len(fresh)}")
    line("floor: raw COPY, unlogged, no index", base, lines, base)
    line("finished rows into such tables, by one connection", finished, lines, base)
    line("import into an empty shop: rows in their tables", median(run.written for run in fresh), lines, base)
    line("  … and everybody told (touchpoints, reach)", median(run.told for run in fresh), lines, base)
    line("the same file again: nothing changes", median(run.told for run in again), lines, base)
    small = median(run.written for run in tenth)
    line(f"import of {lines // 10:,} lines: rows in their tables", small, lines // 10, base / 10)
    kept = small * 10 / median(run.written for run in fresh)
    print(f"{'rate at all lines beside the rate at a tenth':<52}{kept:>8.0%}    goal ≥ 85 %")
    print(
        f"{'peak memory of the importing process':<52}{max(run.memory for run in [*fresh, *again]):>8.0f} MB goal ≤ 300"
    )


def report_rivals(lines: int, fresh: list[Run], bulk: tuple[int, float], loop: tuple[int, float]) -> None:
    ours = lines / median(run.written for run in fresh)
    for name, (count, seconds) in (("bulk_create(update_conflicts=True)", bulk), ("loop of update_or_create", loop)):
        rate = count / seconds
        label = f"{name}, {count:,} lines"
        print(f"{label:<52}{seconds:>8.2f} s {rate:>10,.0f} lines/s  ours {ours / rate:,.1f} × faster")


def line(label: str, seconds: float, lines: int, base: float) -> None:
    print(f"{label:<52}{seconds:>8.2f} s {lines / seconds:>10,.0f} lines/s {seconds / base:>7.1f} × floor")


if __name__ == "__main__":
    main()
