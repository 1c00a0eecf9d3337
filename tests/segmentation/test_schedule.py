"""When a new analysis is asked for: at night, after an import, never twice."""

from datetime import UTC, date, datetime

import pytest
import time_machine

from crm_suite.jobs.models import Job
from crm_suite.jobs.services import Progress
from customers.models import CustomerFacts, Shop
from orders.models import ImportFile
from orders.signals import import_finished
from segmentation import tasks
from segmentation.models import AnalysisRun, Touched
from segmentation.schedule import submit_nightly, submit_touched
from segmentation.services import carry_out_refresh, refresh, submit_refresh
from tests.builders import make_customer, make_purchase, make_shop

pytestmark = pytest.mark.django_db


def at(text: str) -> time_machine.travel:
    return time_machine.travel(datetime.fromisoformat(text).replace(tzinfo=UTC), tick=False)


def done(job: Job) -> None:
    job.state = Job.State.DONE
    job.save()


def test_once_a_night_from_two_in_the_morning_of_the_book() -> None:
    make_shop("shanghai", timezone="Asia/Shanghai")
    with at("2026-03-01T17:59"):  # 01:59 in Shanghai
        assert submit_nightly() == 0
    with at("2026-03-01T18:00"):
        assert (submit_nightly(), submit_nightly()) == (1, 0)
    done(Job.objects.get())
    with at("2026-03-02T17:50"):
        assert submit_nightly() == 0
    with at("2026-03-02T18:10"):
        assert submit_nightly() == 1


def test_each_book_has_its_own_night() -> None:
    make_shop("shanghai", timezone="Asia/Shanghai")
    make_shop("london", currency="GBP", timezone="Europe/London")
    with at("2026-03-02T01:00"):  # 09:00 in Shanghai, 01:00 in London
        submit_nightly()
    assert [job.params["book"] for job in Job.objects.all()] == ["CNY"]
    with at("2026-03-02T02:00"):
        submit_nightly()
    assert {job.params["book"] for job in Job.objects.all()} == {"CNY", "GBP"}


@pytest.mark.parametrize("night", ["2026-03-29T01:00", "2026-10-25T02:00"])
def test_a_night_with_a_clock_change_is_one_night(night: str) -> None:
    make_shop("london", currency="GBP", timezone="Europe/London")
    with at(night):
        assert (submit_nightly(), submit_nightly()) == (1, 0)


def test_a_past_day_chosen_by_hand_stays_until_there_is_a_newer_order() -> None:
    shop = make_shop("old", currency="GBP", timezone="Europe/London")
    ann = make_customer("Ann")
    make_purchase(ann, shop, "2011-12-01")
    with at("2026-03-01T12:00"):
        refresh(as_of=date(2011, 12, 9))
    with at("2026-03-02T03:00"):
        assert submit_nightly() == 0
    make_purchase(ann, shop, "2026-03-02")
    with at("2026-03-03T03:00"):
        assert submit_nightly() == 1


def test_an_import_asks_for_a_look_at_its_customers() -> None:
    shop = make_shop("shanghai")
    make_shop("london", currency="GBP")
    for _file in range(2):
        import_finished.send(ImportFile, shop=shop, import_file=ImportFile(shop=shop))
    job = Job.objects.get()
    assert (job.kind, job.params) == ("analysis", {"only": "changed"})


def test_who_is_touched_is_looked_at_within_minutes() -> None:
    shop = make_shop()
    Touched.objects.all().delete()
    assert not submit_touched()
    make_purchase(make_customer("Ann"), shop, "2026-03-01")
    assert submit_touched() and submit_touched()
    job = Job.objects.get()
    carry_out_refresh(job, Progress(job))
    assert CustomerFacts.objects.get().orders == 1
    assert not submit_touched()


def test_a_running_job_does_not_swallow_a_new_wish() -> None:
    make_shop()
    first = submit_refresh(book="CNY")
    Job.objects.update(state=Job.State.RUNNING)
    assert submit_refresh(book="CNY") != first


def test_the_job_measures_and_tells_its_progress() -> None:
    shop = make_shop()
    make_purchase(make_customer("Ann"), shop, "2026-03-01")
    job = submit_refresh(book="CNY", as_of=date(2026, 3, 31))
    result = carry_out_refresh(job, Progress(job))
    run = AnalysisRun.objects.get()
    assert result == {"runs": [run.pk], "customers": 1}
    assert (run.as_of, run.state) == (date(2026, 3, 31), "done")
    assert (job.done, job.total) == (100, 100)


def test_the_worker_carries_it_out(shop_with_ann: Shop) -> None:
    job = submit_refresh(book="CNY")
    tasks.run_analysis(job.pk)
    tasks.run_analysis(job.pk)  # delivered twice
    job.refresh_from_db()
    assert job.state == "done"
    assert AnalysisRun.objects.count() == 1
    assert CustomerFacts.objects.get().orders == 1


@pytest.fixture
def shop_with_ann() -> Shop:
    shop = make_shop()
    make_purchase(make_customer("Ann"), shop, "2026-03-01")
    return shop


def test_a_cancelled_job_leaves_nothing_behind(shop_with_ann: Shop) -> None:
    job = submit_refresh(book="CNY")
    Job.objects.update(cancel_requested=True)
    tasks.run_analysis(job.pk)
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert not AnalysisRun.objects.filter(state="done").exists()
