"""One full refresh, two machines: they share its ranges, and either may die in the middle of it."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date, timedelta

import pytest
from django.db import connection

from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import Job
from crm_suite.lib.locks import held_if_free
from customers.models import Customer, CustomerFacts
from segmentation.models import AnalysisRun, LabelChange, RunPart
from segmentation.services import refresh, submit_refresh
from tests.builders import make_shop
from tests.machines import Machine, Relay, machines
from tests.processes import kill9, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]

DAY = date(2026, 3, 31)
CUSTOMERS, RANGE = 1_500, 10


@pytest.fixture
def store() -> Iterator[None]:
    shop = make_shop()
    Customer.objects.bulk_create([Customer(name=f"Customer {number}") for number in range(CUSTOMERS)])
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO orders_order (shop_id, external_id, customer_id, state, platform_state, placed_at, paid_at,
                 paid_on, total_amount, paid_amount, refunded_amount, extra, created_at, updated_at)
               SELECT %s, c.id || '-' || n, c.id, 'completed', '', day, day, day::date, 10 + n, 10 + n, 0, '{}', now(),
                 now()
               FROM customers_customer c CROSS JOIN generate_series(0, c.id %% 4) n
               CROSS JOIN LATERAL (SELECT %s::timestamptz - (c.id * 7 %% 200 + n * 17) * interval '1 day' AS day) d""",
            [shop.pk, f"{DAY} 04:00Z"],
        )
    yield


def facts() -> set[tuple[object, ...]]:
    return set(
        CustomerFacts.objects.values_list("pk", "orders", "net_amount", "r_score", "f_score", "m_score", "stage")
    )


def alone() -> set[tuple[object, ...]]:
    """What one process finds by itself, forgotten again."""
    refresh(as_of=DAY)
    found = facts()
    for model in (CustomerFacts, LabelChange, AnalysisRun):
        model.objects.all().delete()
    return found


def submitted() -> Job:
    job = submit_refresh(as_of=DAY)
    Job.objects.filter(pk=job.pk).update(created_at=job.created_at - timedelta(minutes=1))
    return job


def is_done(job: Job) -> bool:
    jobs.sweep()  # as beat does
    job.refresh_from_db()
    return job.state == Job.State.DONE


@pytest.mark.usefixtures("store")
def test_two_machines_share_a_full_refresh() -> None:
    expected = alone()
    with machines(2, ANALYSIS_RANGE=str(RANGE)) as ((first, second), database, broker), ExitStack() as stack:
        both(stack, (first, second), broker)
        job = submitted()
        wait_until(lambda: is_done(job), what="the refresh is done", seconds=120)
    run = AnalysisRun.objects.get(state="done")
    assert facts() == expected
    assert len(run.counts["workers"]) == 2 and sum(run.counts["workers"].values()) == CUSTOMERS // RANGE
    assert {first.address, second.address} <= database.callers
    assert not RunPart.objects.exists()


@pytest.mark.parametrize("dies", ["leader", "helper"])
@pytest.mark.usefixtures("store")
def test_one_machine_dies_in_the_middle(dies: str) -> None:
    expected = alone()
    with machines(2, ANALYSIS_RANGE=str(RANGE)) as (pair, _database, broker), ExitStack() as stack:
        workers = both(stack, pair, broker)
        job = submitted()
        wait_until(lambda: both_work() or is_done(job), what="both work", often=0.02)
        assert not is_done(job), "over before anybody could be killed"
        leads = leader()
        kill9(next(worker for worker in workers if (worker.pid == leads) == (dies == "leader")))
        if dies == "leader":
            wait_until(lambda: nobody_has(job), what="the dead leader's lock is free")
            Job.objects.filter(pk=job.pk).update(heartbeat_at=job.created_at - timedelta(minutes=1))
        wait_until(lambda: is_done(job), what="the refresh is done", seconds=120)
    assert facts() == expected
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname ~ '^analysis_[0-9]'")
        assert cursor.fetchall() == [], "a dead worker's tables are left"


def both(stack: ExitStack, pair: Sequence[Machine], broker: Relay) -> list["subprocess.Popen[bytes]"]:
    """A worker on each machine, both at the broker."""
    workers = [stack.enter_context(machine.worker()) for machine in pair]
    wait_until(lambda: {machine.address for machine in pair} <= broker.callers, what="both came to the broker")
    return workers


def leader() -> int:
    """The process group that took the first range: whoever divided the store, before it was told to anybody else."""
    (worker,) = RunPart.objects.filter(number=0).values_list("worker", flat=True)
    return os.getpgid(int(worker.rpartition(":")[2]))


def both_work() -> bool:
    return RunPart.objects.exclude(worker="").values("worker").distinct().count() == 2


def nobody_has(job: Job) -> bool:
    with held_if_free(jobs.LOCK_SPACE, job.pk) as mine:
        return mine
