"""Lanes side by side and their purses, batches, doubts, and the clock that wakes them."""

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from campaigns import policy, services
from campaigns.channels import Outcome, Receipt
from campaigns.delivery import beat, claim, doubt, gate, journal, result, run, spending, sweep, workers
from campaigns.delivery.journal import Settlement
from campaigns.models import Attempt, Campaign, Message, SendLimits, SpentTotal
from crm_suite.jobs.models import BeatTick
from crm_suite.lib.errors import WrongState
from customers.models import CustomerFacts
from tests.builders import make_customer, make_message, make_user
from tests.campaigns.delivery_cast import (
    daylight_zone,
    deliver,
    draft,
    fates,
    prepared,
    reachable,
    small_shop,
    zone_at,
)
from tests.campaigns.provider import Provider
from tests.campaigns.two_ways import Answer, two_ways

pytestmark = pytest.mark.django_db


def audience(size: int, **fields: Any) -> None:
    for number in range(size):
        reachable(f"Person {number:02}", **fields)


def priced(price: str = "0.05", **fields: Any) -> Campaign:
    """Frozen, and ready to go at this price per part."""
    settings = {name: fields.pop(name) for name in ("budget", "daily_ceiling") if name in fields}
    campaign = prepared(**{"shop": small_shop(), **fields})
    Campaign.objects.filter(pk=campaign.pk).update(unit_price=Decimal(price), **settings)
    campaign.refresh_from_db()
    return campaign


def states(campaign: Campaign) -> dict[str, int]:
    found = list(campaign.messages.values_list("state", flat=True))
    return {state: found.count(state) for state in sorted(set(found))}


# --- purses -----------------------------------------------------------------------------------------------------------


def test_the_budget_is_never_passed_and_whoever_raises_it_goes_on(provider: Provider) -> None:
    audience(6)
    with two_ways("email", Answer.taken()) as (way,):
        campaign = deliver(priced("0.30", budget=Decimal("1.00")))
        assert len(way.got) == 3
        assert states(campaign) == {"accepted": 3, "queued": 3}
        assert (campaign.state, campaign.pause_reason) == ("paused", "The budget is used up: 1.00 CNY.")

        Campaign.objects.filter(pk=campaign.pk).update(budget=Decimal("1.80"))
        services.resume_campaign(campaign=campaign, by=None)
        assert states(deliver(campaign)) == {"accepted": 6}


def test_an_sms_of_three_parts_costs_three(provider: Provider) -> None:
    audience(3, channel="sms")
    shop = small_shop(timezone=daylight_zone())
    with two_ways("sms", Answer.taken()) as (way,):
        campaign = deliver(priced("1", shop=shop, channel="sms", body="新品到店" * 40, budget=Decimal(6)))
        assert campaign.messages.filter(state="accepted").values_list("parts", flat=True)[0] == 3
        assert len(way.got) == 2


def test_what_was_refused_costs_nothing_and_what_is_in_doubt_does(provider: Provider) -> None:
    audience(4)
    with two_ways("email", Answer.refused()) as (way,):
        campaign = priced("1", budget=Decimal(2))
        first = campaign.messages.order_by("customer_id")[0]
        campaign.messages.exclude(pk=first.pk).update(due_at=timezone.now() + timedelta(hours=1))
        deliver(campaign)
        assert states(campaign) == {"failed": 1, "queued": 3}
        way.answers = Answer.silent()
        campaign.messages.filter(state="queued").update(due_at=timezone.now() - timedelta(seconds=1))
        assert states(deliver(campaign)) == {"failed": 1, "queued": 1, "unknown": 2}
        assert campaign.state == "paused"


def test_the_budget_of_the_month_is_one_for_all_campaigns_of_a_currency(provider: Provider) -> None:
    SendLimits.objects.create(month_budget=Decimal(5))
    audience(3)
    shop, british = small_shop(), small_shop(currency="GBP", book="GBP")
    with two_ways("email", Answer.taken()):
        before = deliver(priced("1", shop=shop))
        Message.objects.filter(campaign=before).update(sent_at=timezone.now() - timedelta(days=32))
        Campaign.objects.filter(pk=before.pk).update(started_at=timezone.now() - timedelta(days=32))
        assert states(deliver(priced("1", shop=shop))) == {"accepted": 3}
        over = deliver(priced("1", shop=shop))
        assert states(over) == {"accepted": 2, "queued": 1}
        assert (over.state, over.pause_reason) == ("paused", "The budget of the month is used up: 5.00 CNY.")
        Message.objects.filter(sent_at__isnull=False).update(sent_at=timezone.now() - timedelta(days=40))
        CustomerFacts.objects.update(book="GBP")
        assert states(deliver(priced("1", shop=british))) == {"accepted": 3}


def test_the_campaigns_day_ends_and_the_rest_goes_tomorrow(provider: Provider) -> None:
    audience(5)
    shop = small_shop(timezone=zone_at(21))
    with two_ways("email", Answer.taken()) as (way,):
        campaign = deliver(priced("0", shop=shop, daily_ceiling=2))
        waiting = campaign.messages.filter(state="queued", reason="daily_ceiling")
        assert (len(way.got), waiting.count(), campaign.state) == (2, 3, "running")
        for message in waiting:
            assert timedelta(hours=2) < message.due_at - timezone.now() <= timedelta(hours=3)
        # Tomorrow: what went, went yesterday.
        Message.objects.filter(sent_at__isnull=False).update(sent_at=timezone.now() - timedelta(days=1))
        SpentTotal.objects.all().delete()
        assert claim.call_back(campaign_id=campaign.pk, reasons=["daily_ceiling"]) == 3
        deliver(campaign)
        assert states(campaign) == {"accepted": 4, "queued": 1}


def test_the_gate_counts_a_purse_once_and_then_never_again(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    audience(12)
    counts: list[str] = []
    count = spending.spent

    def counted(purse: spending.Purse) -> Decimal:
        counts.append(purse.name)
        return count(purse)

    monkeypatch.setattr(spending, "spent", counted)
    with two_ways("email", Answer.taken()):
        campaign = deliver(priced("1", budget=Decimal(100)))
    assert states(campaign) == {"accepted": 12} and len(counts) == 1


@pytest.mark.django_db(transaction=True)
def test_lanes_at_once_cannot_pass_the_budget(provider: Provider) -> None:
    audience(24)
    with two_ways("email", Answer.taken()) as (way,):
        campaign = priced("1", budget=Decimal(13))
        run.deliver(campaign_id=campaign.pk, lanes=4)
        assert len(way.got) == 13
        campaign.refresh_from_db()
        assert campaign.state == "paused"
        Campaign.objects.filter(pk=campaign.pk).update(budget=Decimal(17))
        services.resume_campaign(campaign=campaign, by=None)
        run.deliver(campaign_id=campaign.pk, lanes=4)
        assert len(way.got) == 17


# --- batches ----------------------------------------------------------------------------------------------------------


def test_a_provider_with_keys_gets_twenty_at_a_time_and_settling_is_one_statement(
    provider: Provider, django_assert_num_queries: Any
) -> None:
    audience(25)
    with two_ways("email", Answer.taken(), idempotency="key", batch_size=20) as (way,):
        campaign = prepared(shop=small_shop())
        batch = claim.claim(campaign_id=campaign.pk, limit=3)
        claim.release(batch[0].claim_token)
        assert states(deliver(campaign)) == {"accepted": 25}
        assert way.batches == [20, 5]
        assert Attempt.objects.filter(message__campaign=campaign, outcome="accepted").count() == 25
        assert len({key for _name, key in way.got}) == 25


def test_answers_of_one_call_are_written_by_one_statement_each_to_its_own_row(provider: Provider) -> None:
    campaign = draft(shop=small_shop())
    token = uuid.uuid4()
    people = {name: make_customer(name) for name in ("Taken", "Refused", "Busy", "Silent", "Other token", "Older try")}
    rows = {
        name: make_message(campaign, person, "sending", claim_token=token, attempts=2, sent_at=timezone.now())
        for name, person in people.items()
    }
    outcomes = {"Taken": Outcome.ACCEPTED, "Refused": Outcome.REFUSED, "Busy": Outcome.RETRY, "Silent": Outcome.UNKNOWN}
    answers = [
        _answer(rows[name], token=uuid.uuid4() if name == "Other token" else token,
                attempt=1 if name == "Older try" else 2, outcome=outcomes.get(name, Outcome.ACCEPTED))
        for name in people
    ]  # fmt: skip

    statements = _Statements()
    with connection.execute_wrapper(statements):
        assert result.settle(answers) == 4

    assert statements.updates == 1
    assert fates(campaign) == {
        "Taken": ("accepted", ""), "Refused": ("failed", "said so"), "Busy": ("retry_wait", "said so"),
        "Silent": ("unknown", "no_answer"), "Other token": ("sending", ""), "Older try": ("sending", ""),
    }  # fmt: skip
    found = {name: Message.objects.get(pk=row.pk) for name, row in rows.items()}
    assert {name for name, row in found.items() if row.sent_at is None} == {"Refused", "Busy"}
    assert {name for name, row in found.items() if row.generation == 1} == {"Refused", "Busy"}
    assert found["Taken"].provider_message_id == "its number"
    wait = (found["Busy"].due_at - timezone.now()).total_seconds()
    assert 50 < wait <= 72  # the second time: a minute, and up to a fifth


class _Statements:
    updates = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.updates += "UPDATE" in sql or "EXECUTE settle" in sql
        return execute(sql, params, many, context)


def _answer(message: Message, *, token: uuid.UUID, attempt: int, outcome: Outcome) -> Settlement:
    receipt = Receipt(
        str(message.token), outcome, provider_message_id="its number", reason="said so", detail="a \x00 word"
    )
    return Settlement(message.pk, attempt, token, False, False, "relay", receipt)


# --- doubt ------------------------------------------------------------------------------------------------------------


def in_doubt(name: str = "Ann", *, lane: str = "bulk", hours: float = 1, **fields: Any) -> Message:
    campaign = draft(shop=small_shop(), lane=lane)
    Campaign.objects.filter(pk=campaign.pk).update(
        state="running", send_until=timezone.now() + timedelta(hours=20), scheduled_at=timezone.now()
    )
    sent_at = timezone.now() - timedelta(hours=hours)
    given = {"reason": "no_answer", "attempts": 1, "sent_at": sent_at, "provider": "first", **fields}
    return make_message(campaign, make_customer(name), "unknown", **given)


def test_after_three_days_a_doubt_is_one_for_good_and_still_counts_as_sent(provider: Provider) -> None:
    old, young = in_doubt(hours=72.1), in_doubt(hours=71.9)
    run.tick()
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.state, old.reason, young.state) == ("unresolved", "no_answer", "unknown")
    assert old.sent_at is not None and old.state in Message.SENT


def test_a_provider_that_can_be_asked_settles_doubts_and_its_silence_settles_none(provider: Provider) -> None:
    with two_ways("email", Answer.taken(), idempotency="lookup") as (way,):
        taken, unknown, fresh = in_doubt("Taken"), in_doubt("Not in the answer"), in_doubt("Fresh", hours=0.001)
        for message in (taken, fresh):
            way.books[str(message.token)] = "number 7"
        assert doubt.ask_providers() == 1
        for message in (taken, unknown, fresh):
            message.refresh_from_db()
        assert (taken.state, taken.provider_message_id) == ("accepted", "number 7")
        assert (unknown.state, fresh.state) == ("unknown", "unknown")


def test_what_never_came_goes_again_only_when_whoever_called_is_proven_dead(provider: Provider) -> None:
    with two_ways("email", Answer.taken(), idempotency="lookup") as (way,), workers.signed_in() as alive:
        tokens = {"Alive": alive.claim_token(), "Dead": _token_of_the_dead(), "Elsewhere": uuid.uuid4(), "Nobody": None}
        found = {name: in_doubt(name, claim_token=token) for name, token in tokens.items()}
        way.books = {str(message.token): None for message in found.values()}
        assert doubt.ask_providers() == 1
        assert {name: Message.objects.get(pk=m.pk).state for name, m in found.items()} == {
            "Alive": "unknown", "Dead": "retry_wait", "Elsewhere": "unknown", "Nobody": "unknown",
        }  # fmt: skip
        again = Message.objects.get(pk=found["Dead"].pk)
        assert (again.sent_at, again.generation) == (None, 1)


def _token_of_the_dead() -> uuid.UUID:
    """A claim of a process on this machine that is no more."""
    with workers.signed_in() as worker:
        token = bytearray(worker.claim_token().bytes)
    token[8:12] = (2**22 + 1).to_bytes(4, "big")  # no process has a number above the kernel's highest
    return uuid.UUID(bytes=bytes(token))


def test_what_never_came_after_its_campaign_has_ended_has_failed(provider: Provider) -> None:
    with two_ways("email", Answer.taken(), idempotency="lookup") as (way,):
        message = in_doubt(claim_token=_token_of_the_dead())
        Campaign.objects.update(state="finished")
        way.books = {str(message.token): None}
        doubt.ask_providers()
        message.refresh_from_db()
        assert (message.state, message.reason, message.sent_at) == ("failed", "never_came", None)


def test_a_lane_that_lost_its_connection_passes_the_gate_no_more(provider: Provider) -> None:
    ann = reachable("Ann")
    campaign = prepared(shop=small_shop())
    with workers.signed_in() as worker:
        batch = claim.claim(campaign_id=campaign.pk, token=worker.claim_token())
        stranger = workers.Worker(worker.number, worker.backend + 1)
        params: dict[str, Any] = {
            "campaign": campaign, "batch": batch, "addresses": {batch[0].id: ann.email}, "parts": {batch[0].id: 1}
        }  # fmt: skip
        assert gate.admit(**params, worker=stranger).shut == "fenced"
        assert gate.admit(**params, worker=worker).passed == {batch[0].id: 1}


def test_only_a_notice_in_doubt_is_repeated_once_by_a_person(provider: Provider) -> None:
    owner = make_user("owner")
    notice, marketing = in_doubt("Notice", lane="transactional"), in_doubt("Marketing")
    old = in_doubt("Old", lane="transactional", hours=30)
    for refused in (marketing, old):
        with pytest.raises(WrongState):
            doubt.repeat_once(message=refused, by=owner)
    Campaign.objects.filter(pk=notice.campaign_id).update(state="finished")
    doubt.repeat_once(message=notice, by=owner)
    notice.refresh_from_db()
    assert (notice.state, notice.campaign.state, notice.generation) == ("retry_wait", "running", 1)
    Message.objects.filter(pk=notice.pk).update(due_at=timezone.now() - timedelta(minutes=1))
    assert claim.claim(campaign_id=notice.campaign_id, provider="second") == []
    assert [one.id for one in claim.claim(campaign_id=notice.campaign_id, provider="first")] == [notice.pk]
    Message.objects.filter(pk=notice.pk).update(state="unknown")
    with pytest.raises(WrongState):
        doubt.repeat_once(message=notice, by=owner)


def test_a_key_that_the_provider_may_have_forgotten_is_not_used_again(provider: Provider) -> None:
    message = in_doubt(hours=23.9)
    Message.objects.filter(pk=message.pk).update(state="retry_wait", due_at=timezone.now() - timedelta(minutes=1))
    assert claim.claim(campaign_id=message.campaign_id, provider="first") == []
    sweep.expire(campaign_id=message.campaign_id)
    message.refresh_from_db()
    assert (message.state, message.reason) == ("unknown", "no_answer")


def test_a_dead_lane_of_a_provider_without_keys_leaves_a_doubt_and_one_with_keys_a_repeat(provider: Provider) -> None:
    for number, promise in enumerate(("none", "key")):
        with two_ways("email", Answer.taken(), idempotency=promise) as (way,):
            campaign = draft(shop=small_shop())
            message = make_message(
                campaign, make_customer(), "sending", provider="first", attempts=1, sent_at=timezone.now(),
                lease_until=timezone.now() - timedelta(minutes=1),
            )  # fmt: skip
            sweep.sweep()
            message.refresh_from_db()
            assert message.state == ("unknown", "retry_wait")[number]
            way.provider.delete()


def test_an_unreadable_answer_in_a_journal_does_not_stop_the_next_delivery(provider: Provider) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    with journal.opened() as own:
        own.note([_answer(campaign.messages.get(), token=uuid.uuid4(), attempt=1, outcome=Outcome.UNKNOWN)])
    assert fates(deliver(campaign)) == {"Ann": ("accepted", "")}


# --- the clock --------------------------------------------------------------------------------------------------------


def _last_tick(seconds: int) -> None:
    at = timezone.now() - timedelta(seconds=seconds)
    tick = BeatTick.objects.create(task=beat.TASK, slot=at)
    BeatTick.objects.filter(pk=tick.pk).update(at=at)


@pytest.mark.parametrize(("seconds", "alarmed"), [(5, False), (59, False), (61, True)])
def test_a_clock_that_stands_still_for_a_minute_is_an_alarm(provider: Provider, seconds: int, alarmed: bool) -> None:
    _last_tick(3000)
    _last_tick(seconds)
    assert bool(beat.alarm()) is alarmed


def test_a_clock_that_never_ticked_is_an_alarm_only_where_something_waits(provider: Provider) -> None:
    assert beat.alarm() == ""
    reachable("Ann")
    prepared(shop=small_shop())
    assert "never ticked" in beat.alarm()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("seconds", "stands_in"), [(100, False), (121, True)])
def test_workers_tick_when_beat_is_dead_and_work_when_the_broker_is_dead_too(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, seconds: int, stands_in: bool
) -> None:
    monkeypatch.setattr(run, "wake", lambda task, campaign_id: False)
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    _last_tick(seconds)
    assert beat.stand_in() is stands_in
    assert fates(campaign)["Ann"][0] == ("accepted" if stands_in else "queued")
    assert beat.stand_in() is False  # the tick just made


def test_two_beats_tick_once(provider: Provider) -> None:
    assert [beat.tick_if_due() is None for _beat in range(3)].count(False) == 1


def test_the_policy_of_lanes_names_every_lane() -> None:
    assert set(policy.LANE_ORDER) == set(Campaign.Lane.values)
