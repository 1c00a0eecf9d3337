"""Imports that are killed at random moments, and many importers of one file at once.

`make faults` does it with a million lines and eight importers; `make test` with as many as fit into seconds.
FAULT_LINES says how many, FAULT_SEED draws other moments.
"""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from django.db import connection

from benchmarks import invented
from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import Job
from crm_suite.lib.locks import held_if_free
from customers.models import Shop
from orders import services
from orders.models import ImportFile
from tests.builders import make_shop
from tests.processes import ROOT, environment, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]

LINES = int(os.environ.get("FAULT_LINES", "6000"))
SEED = int(os.environ.get("FAULT_SEED", "20261122"))
PIECE = 200 if LINES < 100_000 else 0
KILLS = 10
PIECES_BETWEEN = 6
IMPORTERS = 8


@pytest.fixture
def shop() -> Shop:
    return make_shop("storm", currency="CNY", timezone="Asia/Shanghai")


def uploaded(shop: Shop, path: Path) -> ImportFile:
    with path.open("rb") as file:
        import_file = services.receive_file(shop=shop, name=path.name, chunks=_pieces(file))
    return services.assign_columns(import_file=import_file, columns=invented.COLUMNS)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(1 << 20):
        yield piece


def started(import_file: ImportFile) -> Job:
    """The job, which no worker of this test has heard of."""
    return services.start_import(import_file=import_file, despite_errors=True)


def importer(job: Job, *, dies_after: int = 0, part: float = 0) -> int:
    """Carry the import out in a process of its own, to its end or to its death; returns how it ended."""
    command = [sys.executable, "-m", "tests.faults.importer", *map(str, (job.pk, PIECE, dies_after, part))]
    return subprocess.run(command, cwd=ROOT, env=environment(), timeout=1_800, check=False).returncode


def finish(job: Job) -> None:
    assert importer(job) == 0
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.message


def is_let_go(job: Job) -> bool:
    """The database notices a moment later that a process is gone, and then lets its lock go."""
    with held_if_free(jobs.LOCK_SPACE, job.pk) as mine:
        return mine


#: Everything that an import writes, without numbers that a sequence drew and without moments of writing. Lines are
#: told apart by what they say: a shuffled file has them in another order.
TABLES = {
    "orders": """SELECT o.external_id, o.state, o.platform_state, o.placed_at, o.paid_at, o.paid_on, o.shipped_at,
        o.total_amount, o.paid_amount, o.refunded_amount, o.source_updated_at, o.extra, i.value
        FROM orders_order o LEFT JOIN customers_identity i ON i.customer_id = o.customer_id AND i.kind = 'platform'""",
    "lines": """SELECT o.external_id, l.sku, l.name, l.quantity, l.unit_price, l.amount, p.sku
        FROM orders_orderline l JOIN orders_order o ON o.id = l.order_id
        JOIN orders_product p ON p.id = l.product_id""",
    "refunds": """SELECT r.external_id, o.external_id, r.amount, r.refunded_at FROM orders_refund r
        LEFT JOIN orders_order o ON o.id = r.order_id""",
    "products": "SELECT sku, name, category FROM orders_product",
    "customers": "SELECT name, phone, email, city, country FROM customers_customer",
    "identities": """SELECT i.kind, i.scope, i.value, c.phone FROM customers_identity i
        JOIN customers_customer c ON c.id = i.customer_id""",
    "touchpoints": """SELECT t.kind, t.occurred_at, t.stage, o.external_id FROM touchpoints_touchpoint t
        LEFT JOIN orders_order o ON o.id = t.order_id""",
}


def table_hashes() -> dict[str, tuple[int, int]]:
    """Rows and a sum of their hashes, in whatever order they lie."""
    found = {}
    with connection.cursor() as cursor:
        for name, query in TABLES.items():
            cursor.execute(f"SELECT count(*), coalesce(sum(hashtextextended(t::text, 7)), 0) FROM ({query}) t")
            rows, total = cursor.fetchone()
            found[name] = (int(rows), int(total))
    return found


def rows_of(import_file: ImportFile) -> dict[str, object]:
    """What became of the rows; the numbers that a sequence gave to the orders are each import's own."""
    return {name: count for name, count in import_file.counts.items() if not name.startswith("ids_")}


def rejections(import_file: ImportFile) -> dict[int, str]:
    return dict(import_file.rejected.values_list("row_no", "code"))


def the_bad_rows(count: int) -> dict[int, str]:
    """Line of the file → why, as the file was made: every hundredth row, the header being line 1."""
    mistakes = invented.MISTAKES
    return {row + 2: mistakes[row // 100 % len(mistakes)][2] for row in range(99, count, 100)}


def wipe() -> None:
    with connection.cursor() as cursor:
        # Keys, lines and touchpoints hang on no foreign key, so CASCADE alone would leave them.
        cursor.execute(
            """TRUNCATE customers_customer, customers_identity, orders_order, orders_orderline, orders_product,
               touchpoints_touchpoint, jobs_job CASCADE"""
        )


def test_killed_ten_times_a_file_ends_like_an_undisturbed_one(shop, tmp_path):
    path = invented.write(tmp_path / "orders.csv", LINES)
    calm = uploaded(shop, path)
    finish(started(calm))
    calm_tables, calm_rejections = table_hashes(), rejections(calm)
    calm.refresh_from_db()
    assert calm_rejections == the_bad_rows(LINES)
    wipe()

    storm = uploaded(shop, path)
    job = started(storm)
    chance = random.Random(SEED)
    for _kill in range(KILLS):
        died = importer(job, dies_after=chance.randint(1, PIECES_BETWEEN), part=chance.random())
        assert died == -signal.SIGKILL, "the importer ended before it was killed"
        wait_until(lambda: is_let_go(job), what="the killed importer's lock is free")
        Job.objects.filter(pk=job.pk).update(attempts=0)
    finish(job)
    storm.refresh_from_db()
    assert table_hashes() == calm_tables
    assert rejections(storm) == calm_rejections
    assert rows_of(storm) == rows_of(calm)


def shuffled(path: Path, target: Path, seed: int) -> Path:
    header, *rows = path.read_text().splitlines(keepends=True)
    random.Random(seed).shuffle(rows)
    target.write_text(header + "".join(rows))
    return target


def test_eight_importers_of_shuffled_copies_end_equal(shop, tmp_path):
    count = max(LINES // 10, 2_000)
    path = invented.write(tmp_path / "orders.csv", count)
    finish(started(uploaded(shop, path)))
    alone = table_hashes()
    wipe()

    copies = [uploaded(shop, shuffled(path, tmp_path / f"{seed}.csv", seed)) for seed in range(IMPORTERS)]
    ids = [started(copy).pk for copy in copies]
    command = [sys.executable, "-m", "tests.faults.importer"]
    processes = [subprocess.Popen([*command, str(pk)], cwd=ROOT, env=environment()) for pk in ids]
    assert [process.wait(timeout=1_800) for process in processes] == [0] * IMPORTERS
    assert set(Job.objects.filter(pk__in=ids).values_list("state", flat=True)) == {"done"}
    assert table_hashes() == alone
    assert {copy.rejected.count() for copy in copies} == {count // 100}
