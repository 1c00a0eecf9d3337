"""Real worker processes, really killed: nothing is lost, nobody gets two, and what is in doubt is few and said.

I1 every member of the audience has one row in a named state · I2 the provider's ledger holds at most one copy each ·
I5 what is `unknown` is no more than what was in the air.
"""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import connection

from campaigns import services
from campaigns.delivery import sweep
from campaigns.models import Attempt, Campaign, Message
from tests.campaigns.delivery_cast import daylight_zone, deliver, prepared, reachable, small_shop
from tests.campaigns.provider import Provider
from tests.processes import ROOT, environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture(autouse=True)
def no_orphans() -> Iterator[None]:
    yield
    for process in _started:
        if process.poll() is None:
            process.kill()
        process.wait()
    _started.clear()


_started: list[subprocess.Popen[bytes]] = []


def work(campaign: Campaign, *, fault: str = "", lanes: int = 1) -> subprocess.Popen[bytes]:
    # Wake-ups go nowhere: the rows must do.
    surroundings = environment(REDIS_URL="redis://127.0.0.1:9", FAULT=fault)
    command = [sys.executable, "-m", "tests.faults.worker", str(campaign.pk), str(lanes)]
    process = subprocess.Popen(command, cwd=ROOT, env=surroundings, stderr=subprocess.DEVNULL)
    _started.append(process)
    return process


def leases_run_out() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE campaigns_message SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL"
        )


def states(campaign: Campaign) -> Counter[str]:
    return Counter(campaign.messages.values_list("state", flat=True))


def copies(campaign: Campaign, provider: Provider) -> Counter[str]:
    mine = {str(token) for token in campaign.messages.values_list("token", flat=True)}
    return Counter(reference for reference in provider.references() if reference in mine)


def finish(campaign: Campaign) -> None:
    """What the next worker and the ticks do."""
    for _round in range(4):
        leases_run_out()
        sweep.sweep()
        Message.objects.filter(state="retry_wait").update(due_at="2020-01-01T00:00Z")
        deliver(campaign)


def test_f02_a_task_delivered_four_times_sends_once(provider: Provider) -> None:
    shop = small_shop()
    for _number in range(40):
        reachable()
    campaign = prepared(shop=shop)

    assert [worker.wait(60) for worker in [work(campaign, lanes=2) for _copy in range(4)]] == [0] * 4

    assert states(campaign) == {"accepted": 40}
    assert sorted(copies(campaign, provider).values()) == [1] * 40
    assert Attempt.objects.filter(message__campaign=campaign).count() == 40


def test_after_a_pause_has_returned_nothing_begins(provider: Provider) -> None:
    shop = small_shop()
    for _number in range(80):
        reachable()
    campaign = prepared(shop=shop)
    worker = work(campaign, lanes=2)
    while not Attempt.objects.filter(message__campaign=campaign).exists():
        time.sleep(0.02)

    services.pause_campaign(campaign=campaign, by=None)
    begun = Attempt.objects.filter(message__campaign=campaign).count()
    worker.wait(60)

    assert 0 < begun < 80
    assert Attempt.objects.filter(message__campaign=campaign).count() == begun
    assert states(campaign) == {"accepted": begun, "queued": 80 - begun}
    services.resume_campaign(campaign=campaign, by=None)
    finish(campaign)
    assert sorted(copies(campaign, provider).values()) == [1] * 80


def test_two_campaigns_at_once_cannot_both_take_the_last_slot(provider: Provider) -> None:
    shop = small_shop(timezone=daylight_zone())
    for _number in range(15):
        reachable(channel="sms")
    running = [prepared(shop=shop, channel="sms", body=f"hello {number}") for number in range(4)]

    assert [worker.wait(60) for worker in [work(campaign, lanes=2) for campaign in running]] == [0] * 4

    reached = Counter(Message.objects.filter(sent_at__isnull=False).values_list("customer_id", flat=True))
    assert sorted(reached.values()) == [2] * 15
    assert Message.objects.filter(reason="frequency_cap").count() == 30


@pytest.mark.slow
def test_a_worker_that_slept_too_long_does_not_call(provider: Provider) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    worker = work(campaign, fault="call.before:stop")
    while states(campaign) != {"sending": 1}:
        time.sleep(0.05)
    time.sleep(10.5)  # longer than policy.CALL_WITHIN
    leases_run_out()
    sweep.sweep()
    worker.send_signal(signal.SIGCONT)
    assert worker.wait(60) == 0

    assert states(campaign) == {"unknown": 1}
    assert copies(campaign, provider) == {}
