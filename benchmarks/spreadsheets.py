"""How fast a workbook becomes CSV, which is what imports read, beside openpyxl in its fastest mode.

`python -m benchmarks.spreadsheets [--rows 50000] [--repeats 3]`: a workbook of 22 columns is read by the product's own
way, with the process that it starts for it, and by openpyxl with `read_only`. They take turns, medians count; on a busy
machine trust the ratio, not the seconds.
"""

import argparse
import csv
import random
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

import openpyxl

from benchmarks.scratch import scratch_servers

ROWS = 50_000
GOAL = 8  # times as fast
WORDS = 8  # columns of short words
NUMBERS = 6


def invented(path: Path, rows: int) -> Path:
    """An order report: numbers as text, days, amounts, words and numbers."""
    chance = random.Random(1)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("订单报表")
    sheet.append([f"列{number}" for number in range(22)])
    for row in range(rows):
        placed = datetime(2024, 1, 1) + timedelta(seconds=37 * row)  # noqa: DTZ001  a workbook knows no zones
        sheet.append(
            [f"19306798581{row:08}", f"tb_{chance.randrange(20_000)}", chance.randrange(100_000) / 100, placed, row]
            + ["交易成功", f"收货地址 {chance.randrange(1_000)} 号", f"2024-{row}"]
            + [chance.choice(["杯", "壶", "盖碗", None]) for _ in range(WORDS)]
            + [chance.randrange(1_000) / chance.choice([1, 10]) for _ in range(NUMBERS)]
        )
    book.save(path)
    return path


def ours(path: Path, folder: Path) -> float:
    from orders.importers import opening

    started = perf_counter()
    opening.clean_copy(path, folder / "rows.csv")
    return perf_counter() - started


def openpyxls(path: Path, folder: Path) -> float:
    started = perf_counter()
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    with (folder / "rows.csv").open("w", newline="") as out:
        csv.writer(out).writerows(book.worksheets[0].iter_rows(values_only=True))
    return perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with scratch_servers() as folder:
        path = invented(folder / "orders.xlsx", options.rows)
        turns = [(ours(path, folder), openpyxls(path, folder)) for _ in range(options.repeats)]
    own, rival = (median(times) for times in zip(*turns, strict=True))
    print(f"workbook of {options.rows:,} rows of 22 columns, medians of {options.repeats}")
    print(f"{'ours, its process included':<40}{own:>8.2f} s {options.rows / own:>12,.0f} rows/s")
    print(f"{'openpyxl, read_only, and csv':<40}{rival:>8.2f} s {options.rows / rival:>12,.0f} rows/s")
    print(f"{'times as fast':<40}{rival / own:>8.1f} × (goal {GOAL})")


if __name__ == "__main__":
    main()
