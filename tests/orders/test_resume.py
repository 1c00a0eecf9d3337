"""Imports that are killed, stopped, or run at the same time."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import Job
from crm_suite.lib.locks import held_if_free
from orders import services
from orders.importers import reading, running, staging
from orders.models import ImportFile, Order
from orders.signals import orders_changed
from tests.builders import make_shop
from tests.orders.files import accounted, imported, retail, story, upload

pytestmark = [pytest.mark.django_db(transaction=True)]


def many_rows() -> bytes:
    """300 rows of 60 orders, scattered; some anonymous, some refunds, some rejected."""
    chance = random.Random(7)
    rows = [
        f"{5000 + n % 60},S{n % 9},thing {n % 9},{n % 4 if n % 31 == 0 else 1 + n % 4},2011-0{1 + n % 9}-03 10:00:00,"
        f"{1 + n % 7}.25,{'' if n % 60 > 50 else 100 + n % 20}.0,UK".replace(",.0,", ",,")
        for n in range(280)
    ]
    rows += [f"C{6000 + n % 7},S1,thing 1,-{1 + n % 3},2011-05-03 10:00:00,2.5,{100 + n % 7}.0,UK" for n in range(20)]
    chance.shuffle(rows)
    return retail(*rows)


def killed_at(job: Job, moment: str, number: int) -> None:
    """Runs the job in a process of its own until it kills itself there."""
    database = settings.DATABASES["default"]
    options: Any = database["OPTIONS"]
    host = database["HOST"] or options.get("host", "")
    address = f"postgresql://{database['USER']}@/{connection.settings_dict['NAME']}?host={host}"
    process = subprocess.run(
        [sys.executable, "-m", "tests.orders.killed", str(job.pk), moment, str(number)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "crm_suite.settings", "DATABASE_URL": address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr[-2000:]
    wait_for_its_lock(job)


def wait_for_its_lock(job: Job) -> None:
    """The database notices a moment later that a process is gone, and then lets its lock go."""
    for _ in range(300):
        with held_if_free(jobs.LOCK_SPACE, job.pk) as mine:
            if mine:
                return
        time.sleep(0.1)
    raise AssertionError("the killed process still holds its lock")


def rows_of(import_file):
    """What became of the rows; the numbers that the orders got are each import's own."""
    return {name: n for name, n in import_file.counts.items() if not name.startswith("ids_")}


@pytest.mark.faults
def test_an_import_killed_again_and_again_ends_like_an_undisturbed_one(monkeypatch):
    undisturbed, disturbed = make_shop("calm", currency="GBP"), make_shop("storm", currency="GBP")
    calm = imported(undisturbed, many_rows())
    import_file = upload(disturbed, many_rows())
    job = services.start_import(import_file=import_file)
    monkeypatch.setattr(jobs, "MAX_ATTEMPTS", 99)
    for moment, number in [
        ("between blocks", 3), ("inside a block", 2), ("between chunks", 2), ("inside a chunk", 1),
        ("after a commit, before telling", 1),
    ]:  # fmt: skip
        killed_at(job, moment, number)
        Job.objects.filter(pk=job.pk).update(attempts=1)
    killed_at(job, "at the end", 1)
    told: set[int] = set()
    orders_changed.connect(listener := lambda order_ids, **kwargs: told.update(order_ids), weak=False)
    try:
        jobs.run(job_id=job.pk, work=services.import_rows)
    finally:
        orders_changed.disconnect(listener)
    job.refresh_from_db()
    import_file.refresh_from_db()
    assert job.state == "done", job.message
    assert len(story(disturbed)) > 60
    assert story(disturbed) == story(undisturbed)
    assert rows_of(import_file) == rows_of(calm) and accounted(import_file)
    assert import_file.rejected.count() == calm.rejected.count() > 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [staging.table_of(import_file.pk)])
        assert cursor.fetchone() == (None,)


def test_who_was_killed_while_telling_goes_on_there_after_the_restart(monkeypatch):
    monkeypatch.setattr(running, "TOLD_ROWS", 100)
    shop = make_shop("storm", currency="GBP")
    import_file = upload(shop, many_rows())
    job = services.start_import(import_file=import_file)
    killed_at(job, "after a commit, before telling", running.TOLD_AT_ONCE + 1)
    import_file.refresh_from_db()
    assert "" < import_file.announced_to < import_file.applied_to
    written = Order.objects.filter(shop=shop)
    untold = set(written.filter(external_id__gt=import_file.announced_to).values_list("pk", flat=True))
    told: set[int] = set()
    orders_changed.connect(listener := lambda order_ids, **kwargs: told.update(order_ids), weak=False)
    try:
        jobs.run(job_id=job.pk, work=services.import_rows)
    finally:
        orders_changed.disconnect(listener)
    assert told == untold < set(written.values_list("pk", flat=True))


@pytest.mark.parametrize("lost", ["TRUNCATE {table}", "ALTER TABLE {table} DROP COLUMN digest"], ids=["rows", "column"])
def test_staged_rows_that_a_crash_lost_or_another_version_staged_are_read_again(lost):
    shop, calm = make_shop("storm", currency="GBP"), make_shop("calm", currency="GBP")
    imported(calm, many_rows())
    import_file = upload(shop, many_rows())
    job = services.start_import(import_file=import_file)
    killed_at(job, "between chunks", 2)
    with connection.cursor() as cursor:
        cursor.execute(lost.format(table=staging.table_of(import_file.pk)))
    jobs.run(job_id=job.pk, work=services.import_rows)
    import_file.refresh_from_db()
    assert import_file.state == "done"
    assert story(shop) == story(calm)
    assert accounted(import_file)


def test_a_stopped_import_keeps_what_was_written_and_can_start_again(monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", 2000)
    monkeypatch.setattr(running, "CHUNK_ROWS", 40)
    shop, calm = make_shop("half", currency="GBP"), make_shop("calm", currency="GBP")
    import_file = upload(shop, many_rows())
    job = services.start_import(import_file=import_file)
    write = running._Import._write_chunk

    def then_stop(self, chunk):
        write(self, chunk)
        jobs.request_cancel(job=job)
        self.progress._written = 0

    told: set[int] = set()
    orders_changed.connect(listener := lambda order_ids, **kwargs: told.update(order_ids), weak=False)
    monkeypatch.setattr(running._Import, "_write_chunk", then_stop)
    jobs.run(job_id=job.pk, work=services.import_rows)
    orders_changed.disconnect(listener)
    monkeypatch.setattr(running._Import, "_write_chunk", write)
    job.refresh_from_db()
    import_file.refresh_from_db()
    assert (job.state, import_file.state) == ("cancelled", "cancelled")
    # What was written before it stopped has been told all the same.
    assert told == set(Order.objects.filter(shop=shop).values_list("pk", flat=True))
    assert 0 < len(told) < 60
    again = services.start_import(import_file=import_file)
    jobs.run(job_id=again.pk, work=services.import_rows)
    imported(calm, many_rows())
    assert story(shop) == story(calm)


def test_two_imports_of_one_shop_at_once_end_like_one(monkeypatch):
    monkeypatch.setattr(running, "CHUNK_ROWS", 40)
    shop, calm = make_shop("busy", currency="GBP"), make_shop("calm", currency="GBP")
    files = [upload(shop, many_rows()) for _ in range(2)]

    def run(import_file: ImportFile) -> None:
        try:
            services.import_here(import_file=import_file)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[import_file]) for import_file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    imported(calm, many_rows())
    assert story(shop) == story(calm)
    states = [ImportFile.objects.get(pk=import_file.pk).state for import_file in files]
    assert states == ["done", "done"]
