"""Providers that are silent, slow, rude, forgetful or forged: doubt is bounded, others flow, nobody gets two."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import redis

from campaigns import policy, services
from campaigns.delivery import run, sweep
from campaigns.models import Campaign, Message, Provider as ProviderRow, ProviderPace
from campaigns.running.monitor import progress
from customers.models import Customer
from tests.campaigns.delivery_cast import deliver, draft, prepared, reachable, small_shop
from tests.faults.stage import BRISK, Stage, finish, gateway, leases_run_out, nobody_waits, sized, states, store
from tests.processes import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

BEFORE = ["4xx", "503"]
AFTER = ["reset", "drop-after-accept", "5xx", "5xx-after", "partial"]


@pytest.mark.parametrize("mode", BEFORE)
@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "unkeyed"])
def test_x6_what_was_not_taken_is_tried_again(stage: Stage, mode: str, keyed: bool) -> None:
    campaign = stage.sms(40, keyed=keyed, batch=4)
    stage.provider.behave(mode, share=0.4, seed=7)
    for _round in range(6):
        deliver(campaign)
        _the_provider_has_forgiven()
    _everybody_got_one(stage, campaign)


def _everybody_got_one(stage: Stage, campaign: Campaign) -> None:
    """Once the provider is well again."""
    stage.provider.behave("ok")
    campaign = finish(campaign)
    assert campaign.state == "finished"
    assert sorted(stage.copies(campaign).values()) == [1] * 40
    stage.hold(doubts=0)


def _the_provider_has_forgiven() -> None:
    nobody_waits()
    ProviderPace.objects.update(factor=1, tokens=100)


@pytest.mark.parametrize("mode", AFTER)
def test_x6_a_provider_that_knows_repeats_ends_without_a_doubt(stage: Stage, mode: str) -> None:
    campaign = stage.sms(40, keyed=True, batch=4)
    stage.provider.behave(mode, share=0.4, seed=7)
    for _round in range(5):
        deliver(campaign)
        nobody_waits()
    _everybody_got_one(stage, campaign)


@pytest.mark.parametrize("mode", AFTER)
def test_x6_a_provider_that_does_not_leaves_doubts_and_repeats_nothing(stage: Stage, mode: str) -> None:
    campaign = stage.sms(40, keyed=False, batch=4)
    stage.provider.behave(mode, share=0.4, seed=7)
    for _round in range(5):
        deliver(campaign)
        nobody_waits()
    stage.provider.behave("ok")
    campaign = finish(campaign)

    found = states(campaign)
    assert campaign.state == "finished"
    assert found["unknown"] > 0 and found["accepted"] + found["unknown"] == 40
    assert set(stage.copies(campaign).values()) == {1}
    stage.hold(doubts=found["unknown"])


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["blackhole", "trickle"])
def test_x6_a_provider_that_swallows_everything_stops_nobody_else(stage: Stage, mode: str) -> None:
    campaign = stage.sms(30, keyed=False, batch=2)
    stage.provider.behave(mode, share=0.1, seed=3)
    stage.nursery.start("deliver", campaign=campaign.pk, lanes=4, seconds=40, policy={"CLAIM_SIZE": 4})
    wait_until(lambda: states(campaign)["accepted"] >= 20, what="the others flow", seconds=60)
    wait_until(lambda: states(campaign)["sending"] == 0, what="nobody waits for ever", seconds=90)
    stage.provider.behave("ok")
    stage.nursery.clear()
    campaign = finish(campaign)
    found = states(campaign)
    assert found["accepted"] + found["unknown"] == 30 and 0 < found["unknown"] <= 10
    stage.hold(doubts=found["unknown"])


@contextmanager
def rude() -> Iterator[str]:
    """Takes a call, hears its beginning and slams the door (RST)."""
    door = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                caller, _address = door.accept()
                caller.recv(10)
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                caller.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
    finally:
        door.close()


def test_x6_a_door_that_is_slammed_leaves_a_doubt_and_never_another_provider(stage: Stage) -> None:
    """What may have been taken by one is never given to the next."""
    shop = store(10)
    gateway(stage.provider, keyed=False, code="second", rank=2)
    with rude() as address:
        row = gateway(stage.provider, keyed=False, batch=2, code="first", rank=1)
        ProviderRow.objects.filter(pk=row.pk).update(settings=row.settings | {"url": address})
        campaign = deliver(prepared(shop=shop, channel="sms", body="hello"))
        in_doubt = set(campaign.messages.filter(state="unknown").values_list("token", flat=True))
    ProviderRow.objects.filter(code="first").update(is_active=False)
    campaign = finish(campaign)

    assert in_doubt
    assert not in_doubt & set(campaign.messages.exclude(state="unknown").values_list("token", flat=True))
    assert not {str(token) for token in in_doubt} & set(stage.copies(campaign))
    stage.hold(doubts=len(in_doubt))


def test_x7_a_line_that_loses_and_delays_brings_nobody_two(stage: Stage) -> None:
    """A proxy process between us and the provider: 300 ms each way, every fifth connection is cut somewhere."""
    campaign = stage.sms(sized(24, 400), keyed=True, batch=2)
    port = int(stage.provider.sms_url.rpartition(":")[2])
    with lossy(port) as address:
        row = ProviderRow.objects.get(code="gateway")
        ProviderRow.objects.filter(pk=row.pk).update(settings=row.settings | {"url": f"{address}/sms"})
        for _round in range(4):
            a_round(campaign)
        ProviderRow.objects.filter(pk=row.pk).update(settings=row.settings)
    campaign = finish(campaign)
    assert sorted(stage.copies(campaign).values()) == [1] * (campaign.audience_size or 0)
    stage.hold(doubts=0)


def a_round(campaign: Campaign) -> None:
    deliver(campaign)
    nobody_waits()


@contextmanager
def lossy(port: int, *, delay: float = 0.3, every: int = 5) -> Iterator[str]:
    door = socket.create_server(("127.0.0.1", 0))
    number = 0

    def carry(one: socket.socket, other: socket.socket, cut_after: int) -> None:
        passed = 0
        with suppress(OSError):
            while data := one.recv(1024):
                time.sleep(delay)
                passed += len(data)
                if passed > cut_after:
                    break
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        nonlocal number
        with suppress(OSError):
            while True:
                caller, _address = door.accept()
                number += 1
                server = socket.create_connection(("127.0.0.1", port))
                cut = number * 97 % 700 if number % every == 0 else 1 << 30
                for one, other in ((caller, server), (server, caller)):
                    threading.Thread(target=carry, args=(one, other, cut), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
    finally:
        door.close()


def test_f15_one_recipient_that_cannot_be_written_stops_nobody(stage: Stage) -> None:
    shop = store(100)
    bad = Customer.objects.order_by("pk")[56]
    Customer.objects.filter(pk=bad.pk).update(name="")
    gateway(stage.provider, keyed=True)
    campaign = finish(prepared(shop=shop, channel="sms", body="Dear {{ name }}, hello"))
    found = states(campaign)
    assert (found["accepted"] + found["delivered"], found["failed"]) == (99, 1)
    row = campaign.messages.get(customer=bad)
    assert (row.state, row.reason) == ("failed", "render") and row.detail
    assert max(campaign.messages.values_list("claims", flat=True)) <= 5
    stage.hold(doubts=0)


def test_f15_one_mailbox_that_does_not_exist_stops_nobody(stage: Stage) -> None:
    for number in range(12):
        reachable(f"Person {number}", **({"email": "gone@bounce.example"} if number == 7 else {}))
    campaign = finish(prepared(shop=small_shop()))
    assert states(campaign) == {"accepted": 11, "failed": 1}
    assert campaign.messages.get(customer__name="Person 7").detail
    stage.hold(doubts=0)


def test_x16_f06_a_row_that_kills_its_worker_is_given_up_and_the_others_are_sent(stage: Stage) -> None:
    """The copy of one recipient eats memory until the worker dies of it, three times; then the row is poison."""
    people = sized(60, 10_000)
    campaign = stage.sms(people, keyed=True, batch=5)
    poison = campaign.messages.order_by("pk")[17]
    deaths = 0
    for _worker in range(8):
        worker = stage.nursery.start("deliver_with_poison", campaign=campaign.pk, poison=str(poison.token))
        deaths += worker.wait(120) != 0
        leases_run_out()
        sweep.sweep()
        poison.refresh_from_db()
        if poison.state == "failed":
            break
    finish(campaign)

    poison.refresh_from_db()
    assert (poison.state, poison.reason) == ("failed", "poison")
    assert deaths <= 5
    assert len(stage.copies(campaign)) == people - 1
    assert set(stage.copies(campaign).values()) == {1}
    stage.hold(doubts=0)


def test_f17_a_worker_killed_while_sending_shows_within_90_seconds_as_in_doubt(stage: Stage) -> None:
    assert policy.LEASE.total_seconds() + 2 * 10 <= 90  # the lease and two ticks
    campaign = stage.sms(4, keyed=False, batch=2)
    brisk = BRISK | {"LEASE": 1.0}
    stage.nursery.start("deliver", fault="call.after:kill9", policy=brisk, campaign=campaign.pk).wait()
    assert states(campaign)["sending"] == 2
    time.sleep(1.2)
    sweep.sweep()
    assert states(campaign)["unknown"] == 2
    assert progress(campaign).in_doubt == 2
    assert set(campaign.messages.filter(state="unknown").values_list("reason", flat=True)) == {"worker_lost"}
    stage.hold(doubts=2)


def test_f10_a_provider_that_hangs_up_in_the_middle_and_a_person_who_keeps_pausing(stage: Stage) -> None:
    campaign = stage.sms(sized(120, 5_000), keyed=False, batch=5)
    for round_ in range(5):
        stage.provider.behave("drop-after-accept", share=0.2, seed=round_)
        a_round(campaign) if round_ else stage.nursery.start(
            "deliver", campaign=campaign.pk, seconds=1, fault="call.before:kill9:4"
        ).wait()
        campaign.refresh_from_db()
        if campaign.state == "running":
            services.pause_campaign(campaign=campaign, by=None)
            assert deliver(campaign).state == "paused"
            services.resume_campaign(campaign=campaign, by=None)
    stage.provider.behave("ok")
    campaign = finish(campaign)
    assert set(stage.copies(campaign).values()) == {1}
    assert not Message.objects.filter(state__in=Message.OPEN).exists()
    stage.hold()


def test_f11_a_campaign_is_finished_when_nothing_is_open_and_not_before(stage: Stage) -> None:
    campaign = stage.sms(60, keyed=True, batch=5)
    for nth in (2, 3, 2):
        stage.nursery.start("deliver", fault=f"gate.after_commit:kill9:{nth}", campaign=campaign.pk).wait()
        sweep.sweep()
        sweep.finish()
        campaign.refresh_from_db()
        assert campaign.state == "running"
    assert campaign.messages.filter(state__in=Message.OPEN).exists()
    campaign = finish(campaign)
    assert campaign.state == "finished"
    assert sorted(stage.copies(campaign).values()) == [1] * 60
    stage.hold(doubts=0)


def test_f09_a_page_that_dies_between_commit_and_wake_up_has_started_the_campaign(stage: Stage, redis_url: str) -> None:
    shop = store(8)
    gateway(stage.provider, keyed=False)
    campaign = draft(shop=shop, channel="sms", body="hello")
    assert stage.nursery.start("launch_and_die", campaign=campaign.pk).wait() == -9
    campaign.refresh_from_db()
    assert campaign.state in ("scheduled", "preparing")
    broker = redis.from_url(redis_url)
    run.tick()
    assert any(b"tasks.prepare" in told for told in broker.lrange("delivery", 0, -1))
    run.prepare(campaign_id=campaign.pk)
    campaign = finish(campaign)
    assert sorted(stage.copies(campaign).values()) == [1] * 8
    stage.hold(doubts=0)
