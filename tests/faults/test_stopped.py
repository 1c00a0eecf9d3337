"""Workers that sleep too long, several clocks and none, wall clocks that are wrong."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from campaigns import services
from campaigns.delivery import beat, run, sweep
from campaigns.models import Attempt, Campaign, Provider as ProviderRow
from crm_suite.jobs.models import BeatTick
from tests.campaigns.delivery_cast import draft
from tests.faults.stage import BRISK, Stage, finish, gateway, sized, states, store, until_begun
from tests.processes import is_asleep, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "unkeyed"])
@pytest.mark.parametrize("point", ["claim.after_commit", "call.before", "call.after"])
def test_x5_f13_a_worker_stopped_for_three_leases_changes_nothing_when_it_wakes(
    stage: Stage, point: str, keyed: bool
) -> None:
    campaign = stage.sms(6, keyed=keyed, batch=2)
    brisk = BRISK | {"LEASE": 1.0, "CALL_WITHIN": 0.5}
    sleeper = stage.nursery.start("deliver", fault=f"{point}:stop", policy=brisk, campaign=campaign.pk)
    wait_until(lambda: is_asleep(sleeper.pid), what="the worker sleeps")
    time.sleep(3)
    assert sweep.sweep() == 6  # two in its hands, four that it had not come to
    others = stage.nursery.start("deliver", campaign=campaign.pk)
    assert others.wait() == 0
    before = list(campaign.messages.order_by("pk").values_list("pk", "state", "claim_token", "attempts"))
    tries = Attempt.objects.count()

    sleeper.tell(signal.SIGCONT)
    assert sleeper.wait() == 0

    after = list(campaign.messages.order_by("pk").values_list("pk", "state", "claim_token", "attempts"))
    if point == "call.after" and not keyed:
        # It had called before it fell asleep: its answer settles the doubt, and calls nobody again.
        assert [row[1] for row in after].count("accepted") == 6
    else:
        assert after == before
    assert Attempt.objects.count() == tries
    finish(campaign)
    stage.hold(doubts=2 if point == "call.before" and not keyed else 0)


def test_x9_f07_three_beats_are_one(stage: Stage) -> None:
    shop = store(30)
    gateway(stage.provider, keyed=False)
    campaign = draft(shop=shop, channel="sms", body="hello")
    services.launch_campaign(campaign=campaign, by=None)
    beats = [stage.nursery.start("shared_beat", seconds=sized(8, 60)) for _beat in range(3)]
    workers = [stage.nursery.start("due_worker", seconds=sized(8, 60)) for _worker in range(3)]
    assert [child.wait(120) for child in (*beats, *workers)] == [0] * 6

    slots = list(BeatTick.objects.filter(task=beat.TASK).values_list("slot", flat=True))
    assert len(slots) == len(set(slots)) >= sized(4, 30)
    campaign = finish(campaign)
    assert campaign.audience_size == 30
    assert sorted(stage.copies(campaign).values()) == [1] * 30
    stage.hold(doubts=0)


def test_x9_without_any_beat_a_worker_ticks(stage: Stage) -> None:
    campaign = stage.sms(20)
    BeatTick.objects.filter(task=beat.TASK).delete()

    assert stage.nursery.start("stand_in").wait() == 0

    assert beat.last_tick() is not None
    campaign.refresh_from_db()
    assert campaign.state == "finished"
    stage.hold(doubts=0)


@pytest.mark.parametrize("hours", [2, -2, 24 * 365])
def test_x10_f05_a_worker_whose_clock_is_wrong_takes_nothing_from_others(stage: Stage, hours: int) -> None:
    """Leases and due times are the database's: a wall clock elsewhere makes nobody's lease end."""
    campaign = stage.sms(12, keyed=False, batch=2)
    sleeper = stage.nursery.start("deliver", fault="call.before:stop", policy={"CALL_WITHIN": 60}, campaign=campaign.pk)
    wait_until(lambda: is_asleep(sleeper.pid), what="the worker sleeps")

    wrong = stage.nursery.start("deliver_at", campaign=campaign.pk, hours=hours)
    assert wrong.wait() == 0

    assert states(campaign)["sending"] == 2 and states(campaign)["unknown"] == 0
    sleeper.tell(signal.SIGCONT)
    assert sleeper.wait() == 0
    finish(campaign)
    assert sorted(stage.copies(campaign).values()) == [1] * 12
    stage.hold(doubts=0)


@pytest.mark.parametrize(
    "edge", ["2026-03-29T00:59:30Z", "2026-10-25T00:59:30Z", "2026-03-08T06:59:30Z", "2026-11-01T05:59:30Z"]
)
def test_x10_f08_the_clock_ticks_once_a_slot_over_a_change_to_summer_time(edge: str) -> None:
    """Slots are of UTC: Paris and New York may change their clocks as they like."""
    with time_machine.travel(edge, tick=False) as clock:
        found = []
        for _second in range(60):
            found.append(beat.tick_if_due() is not None)
            clock.shift(1)
    assert sum(found) == 6


def test_f01_a_due_time_is_a_column_and_nobody_runs_before_it(stage: Stage) -> None:
    shop = store(6)
    gateway(stage.provider, keyed=False)
    campaign = draft(shop=shop, channel="sms", body="hello")
    services.launch_campaign(campaign=campaign, by=None, at=timezone.now() + timedelta(hours=3))
    children = [stage.nursery.start(job, seconds=2) for job in ("worker", "worker", "worker", "worker", "beat")]
    assert [child.wait() for child in children] == [0] * 5
    campaign.refresh_from_db()
    assert (campaign.state, campaign.messages.count(), stage.copies(campaign)) == ("scheduled", 0, {})

    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=timezone.now())
    for _round in range(5):  # a busy machine needs more than one
        children = [stage.nursery.start(job, seconds=4) for job in ("due_worker", "due_worker", "beat")]
        assert [child.wait() for child in children] == [0] * 3
        if states(campaign) == {"accepted": 6}:
            break
    assert states(campaign) == {"accepted": 6}
    assert sorted(stage.copies(campaign).values()) == [1] * 6
    stage.hold(doubts=0)


def test_x12_f10_after_a_pause_nothing_begins_at_whatever_moment_it_comes(stage: Stage) -> None:
    pauses = sized(12, 200)
    campaign = stage.sms(sized(500, 8_000), keyed=False, batch=2, rate=60)
    workers = [stage.nursery.start("worker", seconds=900, lanes=2, turn=1) for _worker in range(2)]
    until_begun(campaign)
    for pause in range(pauses):
        time.sleep((pause * 37 % 100) / 250)
        services.pause_campaign(campaign=campaign, by=None)
        begun = Attempt.objects.count()
        time.sleep(0.25)
        assert Attempt.objects.count() == begun, f"pause {pause} let something through"
        services.resume_campaign(campaign=campaign, by=None)
    ProviderRow.objects.update(rate=None)
    wait_until(lambda: _over(campaign), what="it is finished", seconds=sized(60, 600))
    assert not any(worker.is_over() for worker in workers)
    assert set(stage.copies(campaign).values()) == {1}
    stage.hold(doubts=0)


def _over(campaign: Campaign) -> bool:
    run.tick()
    campaign.refresh_from_db()
    return campaign.state == "finished"


def test_x12_a_pause_waits_for_whoever_is_inside_the_gate(stage: Stage) -> None:
    """It returns when nobody is between the look at the campaign and the commit, and not a moment before."""
    campaign = stage.sms(6, keyed=False, batch=2)
    inside = stage.nursery.start("deliver", fault="gate.before_commit:stop", campaign=campaign.pk)
    wait_until(lambda: is_asleep(inside.pid), what="somebody stands in the gate")
    with ThreadPoolExecutor(1) as other:
        pause = other.submit(_pause, campaign)
        assert wait([pause], timeout=0.7).not_done
        inside.tell(signal.SIGCONT)
        pause.result(20)
        begun = Attempt.objects.count()
    assert inside.wait() == 0
    assert Attempt.objects.count() == begun == 2
    services.resume_campaign(campaign=campaign, by=None)
    finish(campaign)
    stage.hold(doubts=0)


def _pause(campaign: Campaign) -> None:
    """In a thread, whose connection ends with it."""
    try:
        services.pause_campaign(campaign=Campaign.objects.get(pk=campaign.pk), by=None)
    finally:
        connection.close()
