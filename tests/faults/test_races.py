"""Many campaigns for the same people, opt-outs and erasures against the gate, starts pressed many times at once."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection

from campaigns import services
from campaigns.delivery import claim, gate, run
from campaigns.models import Attempt, Campaign, Message
from crm_suite.lib.errors import WrongState
from customers.models import Customer
from customers.persons import erase_person
from customers.services import record_optout, suppress
from tests.campaigns.delivery_cast import deliver, draft, prepared
from tests.faults.stage import Stage, finish, gateway, sized, states, store
from tests.processes import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """All begin at the same moment, each on a connection of its own. What one raises is its result."""
    start = threading.Barrier(len(deeds))

    def one(deed: Callable[[], Any]) -> Any:
        try:
            start.wait(30)
            return deed()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(one, deeds))


def test_x11_campaigns_for_the_same_people_respect_the_cap_together(stage: Stage) -> None:
    """Two SMS in seven days, whoever asks and in whatever order: exactly two each."""
    people, count = sized(30, 1_000), sized(10, 64)
    shop = store(people)
    gateway(stage.provider, keyed=True)
    # Frozen before anything is sent: only the gate can hold the cap.
    waiting = [prepared(shop=shop, channel="sms", body=f"hello {number}") for number in range(count)]

    workers = [stage.nursery.start("worker", seconds=sized(120, 1_800), turn=1, lanes=2) for _worker in range(4)]
    _until(lambda: not Message.objects.filter(state__in=Message.OPEN).exists(), seconds=sized(110, 1_700))
    assert not any(worker.is_over() for worker in workers)
    stage.nursery.clear()

    taken = Counter(row["recipient"] for row in stage.provider.rows(stage.since))
    assert len(taken) == people and set(taken.values()) == {2}
    reasons = Counter(Message.objects.filter(state="skipped").values_list("reason", flat=True))
    assert reasons == {"frequency_cap": people * (count - 2)}
    for campaign in waiting:
        deliver(campaign)
    stage.hold(doubts=0)


def _until(done: Callable[[], bool], *, seconds: float) -> None:
    wait_until(done, what="everything is settled", seconds=seconds, often=0.3)


@pytest.mark.parametrize("way", ["opt_out", "block", "erase"])
def test_x13_f27_a_no_racing_the_gate_counts_by_who_commits_first(stage: Stage, way: str) -> None:
    """One moment before the gate: not sent. One moment after it: sent once, and never again."""
    times = sized(15, 334)
    shop = store(times)
    gateway(stage.provider, keyed=True)
    campaign = prepared(shop=shop, channel="sms", body="hello")
    chance = random.Random(way)
    passed = 0
    for customer in Customer.objects.order_by("pk"):
        (mine,) = claim.claim(campaign_id=campaign.pk, limit=1)
        assert mine.customer_id == customer.pk
        first, second = chance.uniform(0, 0.01), chance.uniform(0, 0.01)
        said, admission = at_once(
            partial(_late, first, partial(_say_no, way, customer)),
            partial(_late, second, partial(_at_the_gate, campaign, customer, mine)),
        )
        assert not isinstance(said, Exception), said
        passed += len(admission.passed)
        row = Message.objects.get(pk=mine.id)
        assert (row.state, Attempt.objects.filter(message=row).count()) in [("sending", 1), ("skipped", 0)]
    stage.hold()

    again = prepared(shop=shop, channel="sms", body="again")
    again = finish(again)
    assert stage.copies(again) == {}
    assert set(states(again)) == {"skipped"}
    assert 0 <= passed <= times


def _late(seconds: float, deed: Callable[[], Any]) -> Any:
    time.sleep(seconds)
    return deed()


def _say_no(way: str, customer: Customer) -> None:
    if way == "opt_out":
        record_optout(customer=customer, channel="sms", source="call")
    elif way == "block":
        suppress(channel="sms", address=customer.phone, reason="manual")
    else:
        erase_person(customer=customer, by=None)


def _at_the_gate(campaign: Campaign, customer: Customer, mine: claim.Claimed) -> gate.Admission:
    return gate.admit(campaign=campaign, batch=[mine], addresses={mine.id: customer.phone}, parts={mine.id: 1})


def test_f24_fifty_clicks_on_start_are_one_run(stage: Stage) -> None:
    shop = store(12)
    gateway(stage.provider, keyed=False)
    campaign = draft(shop=shop, channel="sms", body="hello")

    def press() -> Campaign:
        return services.launch_campaign(campaign=Campaign.objects.get(pk=campaign.pk), by=None)

    results = at_once(*[press] * 50)
    begun = [result for result in results if isinstance(result, Campaign)]
    assert len(begun) >= 1 and all(isinstance(r, Campaign | WrongState) for r in results)
    at_once(*[lambda: run.prepare(campaign_id=campaign.pk)] * 4)
    campaign = finish(campaign)
    assert campaign.audience_size == 12
    assert sorted(stage.copies(campaign).values()) == [1] * 12
    stage.hold(doubts=0)


def test_f14_sixteen_claimers_take_each_row_once(stage: Stage) -> None:
    people = sized(1_000, 5_000)
    campaign = stage.sms(people, keyed=False)

    def take() -> list[int]:
        mine: list[int] = []
        while batch := claim.claim(campaign_id=campaign.pk, limit=20):
            mine += [claimed.id for claimed in batch]
        return mine

    taken = Counter(pk for mine in at_once(*[take] * 16) for pk in mine)
    assert len(taken) == people and set(taken.values()) == {1}


def test_f14_sixteen_workers_send_each_once(stage: Stage) -> None:
    people = sized(320, 5_000)
    campaign = stage.sms(people, keyed=False, batch=5)

    workers = [stage.nursery.start("deliver", campaign=campaign.pk, lanes=1, seconds=300) for _worker in range(16)]
    assert [worker.wait(400) for worker in workers] == [0] * 16

    assert sorted(stage.copies(campaign).values()) == [1] * people
    assert Attempt.objects.filter(message__campaign=campaign).count() == people
    finish(campaign)
    stage.hold(doubts=0)


def test_f16_two_people_with_one_address_get_one_copy_and_the_other_row_says_so(stage: Stage) -> None:
    shop = store(6)
    first, second = Customer.objects.order_by("pk")[:2]
    Customer.objects.filter(pk=second.pk).update(phone=first.phone)
    gateway(stage.provider, keyed=True)
    campaign = finish(prepared(shop=shop, channel="sms", body="hello"))

    rows = {row.customer_id: (row.state, row.reason) for row in campaign.messages.all()}
    assert rows[second.pk] == ("skipped", "duplicate_address")
    assert Counter(row["recipient"] for row in stage.provider.rows(stage.since))[first.phone] == 1
    assert len(stage.provider.rows(stage.since)) == 5
    stage.hold(doubts=0)


def test_f27_the_slot_of_a_cap_is_taken_once_by_two_gates_at_the_same_moment(stage: Stage) -> None:
    """Four campaigns at the gate for the same person at once: the cap lets two in."""
    shop = store(sized(5, 100))
    gateway(stage.provider, keyed=True)
    campaigns = [prepared(shop=shop, channel="sms", body=f"hello {number}") for number in range(4)]
    for customer in Customer.objects.order_by("pk"):
        taken = [(campaign, claim.claim(campaign_id=campaign.pk, limit=1)[0]) for campaign in campaigns]
        results = at_once(*[lambda c=c, m=m, who=customer: _at_the_gate(c, who, m) for c, m in taken])
        assert sum(len(result.passed) for result in results) == 2
    assert Attempt.objects.count() == 2 * Customer.objects.count()
