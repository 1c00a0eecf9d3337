"""How fast an order file is imported, beside the floor of this machine: raw COPY of the same rows into an unlogged
table without indexes.

`python -m benchmarks.imports [FILE] [--repeats 3]`, on a database of its own that is thrown away. FILE is an
online-retail CSV, plain or .gz; without one the shared data file is taken, or a file of 500,000 invented rows where
that is absent. Floor and import take turns, medians count; on a busy machine trust the ratio, not the seconds.
"""

import argparse
import gzip
import random
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.scratch import scratch_servers

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "online_retail.csv.gz"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
INVENTED_ROWS = 500_000


def invented(path: Path) -> Path:
    """Invoices of one to forty lines by 5,000 customers over a year."""
    chance = random.Random(1)
    with path.open("w") as file:
        file.write(HEADER + "\n")
        rows = invoice = 0
        while rows < INVENTED_ROWS:
            invoice += 1
            day = f"2011-{1 + invoice % 12:02}-{1 + invoice % 28:02} {8 + invoice % 10:02}:{invoice % 60:02}:00"
            buyer = "" if invoice % 8 == 0 else f"{chance.randrange(10_000, 15_000)}.0"
            for _ in range(chance.randint(1, 40)):
                sku = chance.randrange(4_000)
                file.write(
                    f"{500_000 + invoice},S{sku},PRODUCT {sku},{1 + sku % 12},{day},{1 + sku % 9}.25,{buyer},UK\n"
                )
                rows += 1
    return path


def plain(source: Path, folder: Path) -> Path:
    """The file as COPY reads it."""
    if source.suffix != ".gz":
        return source
    target = folder / "rows.csv"
    with gzip.open(source) as packed, target.open("wb") as out:
        shutil.copyfileobj(packed, out)
    return target


def floor(path: Path) -> tuple[float, int]:
    """Seconds and rows of a raw COPY into an unlogged table without indexes."""
    from django.db import connection

    names = HEADER.split(",")
    with connection.cursor() as cursor, path.open("rb") as file:
        cursor.execute("DROP TABLE IF EXISTS floor_rows")
        cursor.execute(f"CREATE UNLOGGED TABLE floor_rows ({', '.join(f'{name} text' for name in names)})")
        started = perf_counter()
        cursor.cursor.copy_expert("COPY floor_rows FROM STDIN (FORMAT csv, HEADER)", file)
        seconds = perf_counter() - started
        cursor.execute("SELECT count(*) FROM floor_rows")
        return seconds, int(cursor.fetchone()[0])


def import_once(path: Path, shop_code: str) -> float:
    """Seconds from the upload to the report, in this process."""
    from orders import services

    shop = services.ensure_shop(code=shop_code, currency="GBP", timezone="Europe/London")
    started = perf_counter()
    with path.open("rb") as file:
        import_file = services.receive_file(shop=shop, name=path.name, chunks=iter(lambda: file.read(1 << 20), b""))
    job = services.import_here(import_file=import_file)
    assert job.state == "done", job.message
    return perf_counter() - started


def child(path: Path, shop_code: str) -> tuple[float, float]:
    """Seconds and peak memory (MB) of an import in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.imports", str(path), "--child", shop_code]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return float(told[-2]), float(told[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with scratch_servers() as folder:
        if options.child:
            seconds = import_once(options.file, options.child)
            print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            return
        compare(options.file, folder, options.repeats)


def compare(given: Path | None, folder: Path, repeats: int) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    source = given or (SHARED if SHARED.exists() else invented(folder / "invented.csv"))
    rows_path = plain(source, folder)
    floors, fresh, again, memory, rows = [], [], [], [], 0
    for turn in range(repeats):
        seconds, rows = floor(rows_path)
        floors.append(seconds)
        for times in (fresh, again):
            took, peak = child(source, f"bench-{turn}")
            times.append(took)
            memory.append(peak)
    report(source, rows, median(floors), median(fresh), median(again), max(memory))


def report(source: Path, rows: int, base: float, fresh: float, again: float, memory: float) -> None:
    print(f"{source.name}: {rows:,} rows, medians")
    print(f"{'floor: raw COPY, unlogged, no index':<40}{base:>8.2f} s {rows / base:>12,.0f} rows/s     1.0 × floor")
    print(
        f"{'import into an empty shop':<40}{fresh:>8.2f} s {rows / fresh:>12,.0f} rows/s {fresh / base:>7.1f} × floor"
    )
    print(f"{'the same file again':<40}{again:>8.2f} s {rows / again:>12,.0f} rows/s {again / base:>7.1f} × floor")
    print(f"{'peak memory of the importing process':<40}{memory:>8.0f} MB")


if __name__ == "__main__":
    main()
