"""PostgreSQL and Valkey killed, stopped, emptied and absent while a campaign is being sent."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
import redis
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from campaigns import instance
from campaigns.models import Campaign, Message, Provider as ProviderRow
from tests.campaigns.delivery_cast import draft, prepared
from tests.faults.elsewhere import Servers, looking_at, move, servers
from tests.faults.stage import BRISK, Stage, done, finish, gateway, nobody_waits, sized, states, store
from tests.processes import ROOT, is_asleep, kill9, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]


@pytest.fixture
def there() -> Iterator[Servers]:
    with servers() as found:
        yield found


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "unkeyed"])
def test_x3_the_database_is_killed_while_it_sends(stage: Stage, there: Servers, keyed: bool) -> None:
    people, kills, lanes, batch = sized(400, 4_000), sized(2, 10), 2, 5
    campaign = stage.sms(people, keyed=keyed, batch=batch, rate=sized(60, 60))
    move(there)
    chance = random.Random(20261122)
    with looking_at(there):
        instance.confirm(by=None)  # this is the installation from now on
        workers = [stage.nursery.start("worker", policy=BRISK, seconds=600, lanes=lanes) for _worker in range(2)]
        for kill in range(kills):
            time.sleep(chance.uniform(0.8, 2))
            there.tell_postgres((signal.SIGKILL, signal.SIGQUIT)[kill % 2])
        connection.close()
        wait_until(_patiently(campaign), what="everything is settled", seconds=sized(60, 600), often=0.3)

        assert not any(worker.is_over() for worker in workers), "a worker did not outlive the database"
        stage.nursery.clear()
        stage.hold(doubts=0 if keyed else kills * 2 * lanes * batch)
        assert sum(states(campaign).values()) == people


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "unkeyed"])
def test_x8_the_disk_of_the_database_is_full_for_a_while(stage: Stage, keyed: bool) -> None:
    people, outages, lanes, batch = sized(200, 2_000), sized(2, 8), 2, 5
    campaign = stage.sms(people, keyed=keyed, batch=batch, rate=60)
    with servers(megabytes=400) as there:
        move(there)
        with looking_at(there):
            instance.confirm(by=None)
            workers = [stage.nursery.start("worker", policy=BRISK, seconds=600, lanes=lanes) for _worker in range(2)]
            for _outage in range(outages):
                time.sleep(0.5)
                with there.disk_full():
                    time.sleep(1.5)
            connection.close()
            wait_until(_patiently(campaign), what="everything is settled", seconds=sized(60, 600), often=0.3)

            assert "No space left on device" in there.log, "the disk was never full"
            assert not any(worker.is_over() for worker in workers), "a worker did not outlive the full disk"
            stage.nursery.clear()
            stage.hold(doubts=0 if keyed else outages * 2 * lanes * batch)
            assert sum(states(campaign).values()) == people


def test_x3_f18_the_database_goes_between_the_answer_and_the_result(stage: Stage, there: Servers) -> None:
    """A provider without keys took twenty; the database is back a moment later. All are known, none goes twice."""
    campaign = stage.sms(20, keyed=False, batch=20)
    move(there)
    with looking_at(there):
        instance.confirm(by=None)
        worker = stage.nursery.start("deliver", fault="call.after:stop", campaign=campaign.pk)
        wait_until(lambda: is_asleep(worker.pid), what="the provider has answered")
        assert len(stage.copies(campaign)) == 20
        connection.close()
        there.tell_postgres(signal.SIGKILL)
        worker.tell(signal.SIGCONT)
        worker.wait(90)
        campaign = finish(campaign)
        assert states(campaign) == {"accepted": 20}
        assert sorted(stage.copies(campaign).values()) == [1] * 20
        stage.hold(doubts=0)


def _patiently(campaign: Campaign) -> Callable[[], bool]:
    is_done = done(campaign)

    def ask() -> bool:
        try:
            return is_done()
        except (DatabaseError, InterfaceError):
            connection.close()
            return False

    return ask


@contextmanager
def celery(there: Servers) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker of the delivery queue and a beat, as `manage.py up` runs them."""
    common = [sys.executable, "-m", "celery", "-A", "crm_suite"]
    commands = [
        [*common, "worker", "-Q", "delivery,default", "-c", "2", "-l", "error"],
        [*common, "beat", "-l", "error", "-s", str(there.var / "beat"), "--pidfile="],
    ]
    with ExitStack() as ends:
        for command in commands:
            process = subprocess.Popen(
                command, cwd=ROOT, env=there.environment(), start_new_session=True, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            ends.callback(kill9, process)
        yield process


def test_x4_f04_the_broker_is_emptied_killed_and_stopped(stage: Stage, there: Servers) -> None:
    people = sized(2_500, 8_000)
    campaign = stage.sms(people, keyed=True, rate=25)
    move(there)
    with looking_at(there), celery(there):
        instance.confirm(by=None)
        for blow in (_flush, _kill, _stop, _flush):
            _progress_within(campaign, seconds=60 if blow is _flush else 45)
            blow(there)
        _progress_within(campaign, seconds=45)
        _hurry(campaign)
        wait_until(lambda: _is_finished(campaign), what="it is finished", seconds=sized(90, 600), often=0.5)
        stage.hold(doubts=0)
        assert sum(states(campaign).values()) == people


def _flush(there: Servers) -> None:
    for _time in range(3):
        with suppress(redis.ConnectionError):
            redis.from_url(there.redis_url).flushall()
        time.sleep(0.5)


def _kill(there: Servers) -> None:
    there.tell_valkey(signal.SIGKILL)


def _stop(there: Servers) -> None:
    there.tell_valkey(signal.SIGSTOP)
    time.sleep(sized(5, 60))
    there.tell_valkey(signal.SIGCONT)


def _progress_within(campaign: Campaign, *, seconds: float) -> None:
    """Something more is handed over. The clock ticks every 10 s, and starting a worker takes a while here."""
    handed = campaign.messages.filter(sent_at__isnull=False)
    before = handed.count()
    wait_until(lambda: handed.count() > before, what="sending goes on", seconds=seconds)


def _hurry(campaign: Campaign) -> None:
    ProviderRow.objects.filter(code="gateway").update(rate=None)


def _is_finished(campaign: Campaign) -> bool:
    nobody_waits()
    campaign.refresh_from_db()
    return campaign.state == "finished"


def test_x17_f12_a_restored_backup_sends_nothing_until_somebody_says_so(stage: Stage, there: Servers) -> None:
    running, later = _restored(stage, there)
    with looking_at(there):
        assert stage.nursery.start("beat", policy=BRISK, seconds=1).wait() == 0
        assert stage.nursery.start("worker", policy=BRISK, seconds=2).wait() == 0
        assert stage.nursery.start("deliver", campaign=running.pk).wait() == 0

        assert instance.status().reason == "other_database"
        assert stage.copies(running) == {}
        assert states(running) == {"queued": 20}
        assert not Message.objects.filter(campaign=later).exists()
        instance.confirm(by=None)
        assert stage.nursery.start("deliver", campaign=running.pk).wait() == 0
        assert sum(stage.copies(running).values()) == 20
        stage.hold(doubts=0)


def test_x17_a_worker_that_is_woken_before_the_first_tick_sends_nothing_either(stage: Stage, there: Servers) -> None:
    """A wake-up may lie in the broker from before: whoever works has to look for himself."""
    running, _later = _restored(stage, there)
    with looking_at(there):
        assert stage.nursery.start("deliver", campaign=running.pk).wait() == 0
        assert stage.copies(running) == {}


def _restored(stage: Stage, there: Servers) -> tuple[Campaign, Campaign]:
    """A campaign under way and one that is due, in a database that is a copy of ours."""
    shop = store(20)
    gateway(stage.provider, keyed=True)
    running, later = prepared(shop=shop, channel="sms", body="hello"), draft(shop=shop, channel="sms", body="later")
    Campaign.objects.filter(pk=later.pk).update(state="scheduled", scheduled_at=timezone.now())
    assert instance.check()
    move(there)
    return running, later
