"""Long work: one worker at a time, progress that is true, an end that is named."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from crm_suite.jobs import services
from crm_suite.jobs.models import BeatTick, Job
from crm_suite.jobs.services import Progress
from crm_suite.jobs.ticks import claim_tick
from crm_suite.lib.errors import BadInput
from crm_suite.lib.locks import held_if_free
from tests.builders import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def job() -> Job:
    return Job.objects.create(kind="count", title="Count to ten")


def count_to_ten(job: Job, progress: Progress) -> dict[str, object]:
    for number in range(1, 11):
        progress(done=number, total=10)
    return {"counted": 10}


def test_it_ends_done_with_its_result(job: Job) -> None:
    services.run(job_id=job.pk, work=count_to_ten)
    job.refresh_from_db()
    assert (job.state, job.done, job.total, job.percent, job.result) == ("done", 10, 10, 100, {"counted": 10})


def test_a_second_wake_up_does_not_repeat_the_work(job: Job) -> None:
    services.run(job_id=job.pk, work=count_to_ten)
    services.run(job_id=job.pk, work=lambda job, progress: pytest.fail("ran twice"))
    job.refresh_from_db()
    assert job.attempts == 1


@pytest.mark.django_db(transaction=True)
def test_a_job_in_another_workers_hands_is_left_alone(job: Job) -> None:
    with connection.copy().cursor() as other_worker:
        other_worker.execute("SELECT pg_advisory_lock(%s, %s)", [services.LOCK_SPACE, job.pk])
        services.run(job_id=job.pk, work=lambda job, progress: pytest.fail("ran twice"))
        job.refresh_from_db()
        assert job.state == "queued"
        other_worker.connection.close()


def test_a_rule_that_says_no_is_told_in_its_own_words(job: Job) -> None:
    def work(job: Job, progress: Progress) -> None:
        raise BadInput("Row 7: the date cannot be read.")

    services.run(job_id=job.pk, work=work)
    job.refresh_from_db()
    assert (job.state, job.message) == ("failed", "Row 7: the date cannot be read.")


def test_cancelling_a_waiting_job_stops_it_at_once(job: Job) -> None:
    services.request_cancel(job=job)
    services.run(job_id=job.pk, work=lambda job, progress: pytest.fail("ran after cancel"))
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_cancelling_a_running_job_stops_it_at_its_next_step(job: Job) -> None:
    def work(job: Job, progress: Progress) -> None:
        services.request_cancel(job=job)
        progress.write()
        pytest.fail("went on")

    services.run(job_id=job.pk, work=work)
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_a_job_that_kills_its_workers_is_given_up(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(state="running", attempts=services.MAX_ATTEMPTS)
    services.run(job_id=job.pk, work=count_to_ten)
    job.refresh_from_db()
    assert job.state == "failed"
    assert "died 5 times" in job.message


def test_the_sweep_wakes_orphans_and_lost_wake_ups_only(monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    lost = Job.objects.create(kind="count", title="lost wake-up")
    Job.objects.filter(pk=lost.pk).update(created_at=long_ago)
    orphan = Job.objects.create(kind="count", title="dead worker", state="running", heartbeat_at=long_ago)
    Job.objects.create(kind="count", title="just queued")
    Job.objects.create(kind="count", title="alive", state="running", heartbeat_at=timezone.now())
    woken: list[int] = []
    monkeypatch.setattr(services, "wake", lambda job: woken.append(job.pk))
    assert services.sweep() == 2
    assert woken == [lost.pk, orphan.pk]


def test_two_beats_do_the_work_of_one() -> None:
    first, second = claim_tick(task="send", seconds=3600), claim_tick(task="send", seconds=3600)
    assert (first, second) == (True, False)
    assert claim_tick(task="another", seconds=3600)
    assert BeatTick.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_lock_is_free_again_after_the_work() -> None:
    with held_if_free(7, 7) as mine:
        assert mine
    with connection.copy().cursor() as somebody_else:
        somebody_else.execute("SELECT pg_try_advisory_lock(7, 7)")
        assert somebody_else.fetchone() == (True,)
        somebody_else.connection.close()


def test_a_result_file_is_for_whoever_asked_for_it(client: Client, tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "people.csv").write_text("13800138000")
    ana, owner, other = make_user("analyst"), make_user("owner"), make_user("analyst")
    job = Job.objects.create(kind="export", title="People", created_by=ana, result_file="people.csv")
    answers = {}
    for person in (ana, owner, other):
        client.force_login(person)
        answers[person] = client.get(reverse("jobs:download", args=[job.pk])).status_code
    assert answers == {ana: 200, owner: 200, other: 404}


def test_long_work_is_no_business_of_a_service_agent(client: Client, job: Job) -> None:
    addresses = [reverse("jobs:panel", args=[job.pk]), reverse("jobs:drawer")]
    answers = {}
    for role in ("analyst", "agent"):
        client.force_login(make_user(role))
        answers[role] = [client.get(address).status_code for address in addresses]
        assert (addresses[1] in client.get("/").content.decode()) == (role == "analyst")
    assert answers == {"analyst": [200, 200], "agent": [403, 403]}
