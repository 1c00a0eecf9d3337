"""The plan and how faithfully it was carried out."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine

from campaigns.models import Campaign, PlanEntry
from campaigns.plan import planning
from campaigns.plan.month import lines_between
from campaigns.plan.planning import Adherence, Outcome
from crm_suite.access.models import AuditEvent, User
from crm_suite.lib.errors import BadInput, WrongState
from customers.books import Book, book_of
from customers.models import Shop
from tests.builders import (
    make_campaign,
    make_customer,
    make_entry,
    make_message,
    make_segment,
    make_shop,
    make_template,
    make_user,
)

pytestmark = pytest.mark.django_db

#: Three in the afternoon of 11 November in Shanghai.
NOW = datetime(2026, 11, 11, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def afternoon() -> object:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall")


@pytest.fixture
def planner() -> User:
    return make_user("specialist")


def the_book() -> Book:
    found = book_of("CNY")
    assert found is not None
    return found


def outcomes(first: str, last: str) -> dict[str, str]:
    lines = lines_between(book=the_book(), first=date.fromisoformat(first), last=date.fromisoformat(last))
    return {line.entry.title: line.outcome for line in lines}


def sent(entry: PlanEntry, moment: datetime, **fields: object) -> Campaign:
    return make_campaign(
        entry.shop, plan_entry=entry, started_at=moment, state="finished", **{"channel": entry.channel, **fields}
    )


def test_an_entry_is_on_time_on_its_planned_local_day_and_late_on_the_next(shop: Shop) -> None:
    sent(make_entry(shop, "2026-11-09", title="on time"), datetime(2026, 11, 9, 15, 59, tzinfo=UTC))  # 23:59 there
    sent(make_entry(shop, "2026-11-09", title="late"), datetime(2026, 11, 9, 16, 1, tzinfo=UTC))  # the 10th there
    sent(make_entry(shop, "2026-11-09", title="changed"), datetime(2026, 11, 9, 3, tzinfo=UTC), channel="sms")
    make_entry(shop, "2026-11-10", title="forgotten")
    make_entry(shop, "2026-11-11", title="this morning", time=time(10))
    make_entry(shop, "2026-11-11", title="tonight", time=time(20))
    make_entry(shop, "2026-11-10", title="dropped", state="skipped", skip_reason="stock sold out")
    ready = make_entry(shop, "2026-11-12", title="ready")
    make_campaign(shop, plan_entry=ready, state="scheduled", scheduled_at=NOW + timedelta(days=1))
    make_campaign(shop, plan_entry=make_entry(shop, "2026-11-12", title="asked for"), state="approval")
    make_campaign(shop, plan_entry=make_entry(shop, "2026-11-10", title="asked too late"), state="approval")

    assert outcomes("2026-11-09", "2026-11-12") == {
        "on time": Outcome.ON_TIME,
        "late": Outcome.LATE,
        "changed": Outcome.CHANGED,
        "forgotten": Outcome.OVERDUE,
        "this morning": Outcome.OVERDUE,
        "tonight": Outcome.PLANNED,
        "dropped": Outcome.SKIPPED,
        "ready": Outcome.READY,
        "asked for": Outcome.APPROVAL,
        "asked too late": Outcome.OVERDUE,
    }


def test_adherence_is_on_time_over_due_and_a_skipped_entry_is_due(shop: Shop) -> None:
    kept = make_entry(shop, "2026-11-02", expected_size=100)
    campaign = sent(kept, datetime(2026, 11, 2, 2, tzinfo=UTC))
    for _number in range(3):
        make_message(campaign, make_customer())
    make_message(campaign, make_customer(), "held_out")
    sent(make_entry(shop, "2026-11-03", expected_size=50), datetime(2026, 11, 5, 2, tzinfo=UTC))
    make_entry(shop, "2026-11-04", state="skipped", skip_reason="no stock", expected_size=10)
    make_entry(shop, "2026-11-30", expected_size=1000)

    lines = lines_between(book=the_book(), first=date(2026, 11, 1), last=date(2026, 11, 30))
    found = planning.adherence(lines, unplanned=2)

    assert found == Adherence(
        planned=4, due=3, carried_out=2, on_time=1, skipped=1, unplanned=2, reach_planned=160, reach_real=3
    )
    assert found.rate == pytest.approx(1 / 3)


def test_nothing_due_has_no_rate() -> None:
    assert planning.adherence([], unplanned=0).rate is None


def test_a_planned_entry_moves_and_the_move_is_on_record(shop: Shop, planner: User) -> None:
    entry = make_entry(shop, "2026-11-20")
    planning.move_entry(entry=entry, day=date(2026, 11, 22), at=time(9, 30), by=planner)
    entry.refresh_from_db()
    assert (entry.day, entry.time) == (date(2026, 11, 22), time(9, 30))
    assert AuditEvent.objects.get(action="plan.move").changes == {"day": ["2026-11-20", "2026-11-22"]}


def test_what_has_come_due_cannot_be_moved_and_nothing_moves_into_the_past(shop: Shop, planner: User) -> None:
    overdue, ahead = make_entry(shop, "2026-11-10"), make_entry(shop, "2026-11-20")
    with pytest.raises(WrongState):
        planning.move_entry(entry=overdue, day=date(2026, 11, 21), by=planner)
    with pytest.raises(BadInput):
        planning.move_entry(entry=ahead, day=date(2026, 11, 10), by=planner)
    ahead.refresh_from_db()
    assert ahead.day == date(2026, 11, 20)


def test_an_overdue_entry_cannot_be_moved_by_rewriting_it_either(shop: Shop, planner: User) -> None:
    overdue = make_entry(shop, "2026-11-10")
    overdue.day = date(2026, 11, 20)
    with pytest.raises(WrongState):
        planning.save_entry(entry=overdue, by=planner)
    overdue.refresh_from_db()
    assert overdue.day == date(2026, 11, 10)


def test_from_its_hour_on_an_entry_of_today_keeps_its_day_but_may_be_completed(shop: Shop, planner: User) -> None:
    morning, tonight = make_entry(shop, "2026-11-11", time=time(10)), make_entry(shop, "2026-11-11", time=time(20))
    with pytest.raises(WrongState):
        planning.move_entry(entry=morning, day=date(2026, 11, 12), by=planner)
    with pytest.raises(WrongState):
        planning.remove_entry(entry=morning, by=planner)
    morning.refresh_from_db()
    morning.note = "the text is late"
    planning.save_entry(entry=morning, by=planner)
    planning.move_entry(entry=tonight, day=date(2026, 11, 12), by=planner)
    assert outcomes("2026-11-11", "2026-11-11") == {morning.title: Outcome.OVERDUE}


def test_an_entry_whose_campaign_is_scheduled_stays_where_it_is(shop: Shop, planner: User) -> None:
    entry = make_entry(shop, "2026-11-20")
    make_campaign(shop, plan_entry=entry, state="scheduled", scheduled_at=NOW + timedelta(days=9))
    with pytest.raises(WrongState):
        planning.move_entry(entry=entry, day=date(2026, 11, 21), by=planner)
    with pytest.raises(WrongState):
        planning.skip_entry(entry=entry, reason="changed my mind", by=planner)


def test_skipping_needs_a_reason(shop: Shop, planner: User) -> None:
    entry = make_entry(shop, "2026-11-20")
    with pytest.raises(BadInput):
        planning.skip_entry(entry=entry, reason="  ", by=planner)
    planning.skip_entry(entry=entry, reason=" no stock ", by=planner)
    entry.refresh_from_db()
    assert (entry.state, entry.skip_reason) == (PlanEntry.State.SKIPPED, "no stock")
    with pytest.raises(WrongState):
        planning.skip_entry(entry=entry, reason="again", by=planner)


def test_an_entry_written_by_mistake_goes_but_an_overdue_one_stays(shop: Shop, planner: User) -> None:
    mistake, overdue = make_entry(shop, "2026-11-20"), make_entry(shop, "2026-11-10")
    planning.remove_entry(entry=mistake, by=planner)
    with pytest.raises(WrongState):
        planning.remove_entry(entry=overdue, by=planner)
    assert list(PlanEntry.objects.all()) == [overdue]


def test_a_new_entry_belongs_to_whoever_planned_it_and_never_to_yesterday(shop: Shop, planner: User) -> None:
    entry = PlanEntry(title="VIP", shop=shop, day=date(2026, 11, 11), time=time(20), channel="sms")
    assert planning.save_entry(entry=entry, by=planner).owner == planner
    past = PlanEntry(title="Past", shop=shop, day=date(2026, 11, 10), time=time(20), channel="sms")
    with pytest.raises(BadInput):
        planning.save_entry(entry=past, by=planner)
    assert past.pk is None


@pytest.fixture
def smtp(settings: object) -> None:
    settings.SMTP_URL = "smtp://127.0.0.1:1"  # type: ignore[attr-defined]


@pytest.mark.usefixtures("smtp")
def test_launching_an_entry_ahead_schedules_it_for_its_planned_moment(shop: Shop, planner: User) -> None:
    entry = make_entry(shop, "2026-11-20", segment=make_segment(), template=make_template())
    campaign = planning.launch_entry(entry=entry, by=planner)
    assert campaign.state == Campaign.State.SCHEDULED
    assert campaign.scheduled_at == datetime(2026, 11, 20, 2, tzinfo=UTC)  # ten o'clock in Shanghai
    assert campaign.plan_entry == entry
    with pytest.raises(WrongState):
        planning.launch_entry(entry=entry, by=planner)


@pytest.mark.usefixtures("smtp")
def test_launching_an_entry_that_is_due_starts_it_now(shop: Shop, planner: User) -> None:
    entry = make_entry(shop, "2026-11-11", segment=make_segment(), template=make_template())
    campaign = planning.launch_entry(entry=entry, by=planner)
    assert campaign.scheduled_at == NOW


def test_an_entry_without_segment_cannot_be_launched_and_leaves_no_campaign(shop: Shop, planner: User) -> None:
    entry = make_entry(shop, "2026-11-20", template=make_template())
    with pytest.raises(BadInput):
        planning.launch_entry(entry=entry, by=planner)
    assert not Campaign.objects.exists()
