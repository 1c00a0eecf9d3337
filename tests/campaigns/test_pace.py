"""How much a provider is given: its rate, its day, its fuse, and who goes first."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns import policy
from campaigns.delivery import claim, pace, run
from campaigns.models import Campaign, Message, Provider, ProviderPace
from tests.builders import make_customer, make_message
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
from tests.campaigns.provider import Provider as Simulator
from tests.campaigns.two_ways import Answer, two_ways

pytestmark = pytest.mark.django_db


def a_minute_ago() -> datetime:
    return timezone.now() - timedelta(minutes=1)


def make_provider(**fields: Any) -> Provider:
    return Provider.objects.create(
        **{"code": "relay", "name": "Relay", "channel": "email", "kind": "smtp", "rate": 10, "burst": 100, **fields}
    )


def _ask(provider: Provider, wanted: int = 100, lane: str = "bulk") -> int:
    return pace.grant(provider_id=provider.pk, wanted=wanted, lane=lane)


def _seconds_pass(provider: Provider, seconds: float) -> None:
    row = ProviderPace.objects.get(provider=provider)
    row.filled_at -= timedelta(seconds=seconds)
    row.save()


def test_after_the_burst_the_rate_holds(provider: Simulator) -> None:
    relay = make_provider(rate=10, burst=100)
    assert (_ask(relay, 80), _ask(relay, 80), _ask(relay, 80)) == (80, 20, 0)
    _seconds_pass(relay, 3)
    assert _ask(relay, 80) == 30
    _seconds_pass(relay, 3600)
    assert _ask(relay, 500) == 100  # an hour of rest fills no more than the bucket
    wait = pace.ask(provider_id=relay.pk, wanted=1, lane="bulk").wait
    assert 0.05 <= wait <= 0.11  # a tenth of a second until the next


def test_a_grant_is_one_statement(provider: Simulator, django_assert_num_queries: Any) -> None:
    relay = make_provider()
    _ask(relay)
    with django_assert_num_queries(1):
        _ask(relay)


def test_without_a_rate_there_is_no_limit_until_the_provider_says_so(provider: Simulator) -> None:
    relay = make_provider(rate=None, burst=40)
    assert (_ask(relay, 500), _ask(relay, 500)) == (500, 500)
    pace.slow_down(provider_id=relay.pk)
    assert _ask(relay, 500) == 0
    _seconds_pass(relay, 1)
    assert 19 <= _ask(relay, 500) <= 21  # half of forty a second


def test_what_is_given_back_can_be_given_again(provider: Simulator) -> None:
    relay = make_provider(rate=1, burst=50, daily_ceiling=60)
    assert _ask(relay, 50) == 50
    pace.give_back(provider_id=relay.pk, count=30)
    assert _ask(relay, 30) == 30
    assert ProviderPace.objects.get().given == 50


def test_too_fast_halves_the_rate_once_a_second_and_it_comes_back(provider: Simulator) -> None:
    relay = make_provider(rate=100, burst=1000)
    _ask(relay, 1)
    for _lane in range(3):  # three lanes hear it at once
        pace.slow_down(provider_id=relay.pk)
    assert ProviderPace.objects.get().factor == 0.5
    _seconds_pass(relay, 2)
    assert 100 <= _ask(relay, 1000) <= 104
    for _second in range(9):
        ProviderPace.objects.update(slowed_at=timezone.now() - timedelta(seconds=2))
        pace.slow_down(provider_id=relay.pk)
    assert ProviderPace.objects.get().factor == policy.SLOWEST
    _seconds_pass(relay, 1 / policy.RECOVERY)
    _ask(relay, 1)
    assert ProviderPace.objects.get().factor == 1


def test_nothing_is_given_before_the_time_that_the_provider_named(provider: Simulator) -> None:
    relay = make_provider()
    pace.slow_down(provider_id=relay.pk, retry_after=40)
    asked = pace.ask(provider_id=relay.pk, wanted=5, lane="transactional")
    assert asked.given == 0 and 38 < asked.wait <= 40
    _seconds_pass(relay, 42)
    assert _ask(relay, 5) == 5


def test_the_day_of_the_provider_ends_and_begins_in_its_own_zone(provider: Simulator) -> None:
    relay = make_provider(rate=None, daily_ceiling=10, timezone=zone_at(23))
    assert (_ask(relay, 7), _ask(relay, 7)) == (7, 3)
    over = pace.ask(provider_id=relay.pk, wanted=7, lane="transactional")
    assert over.given == 0 and over.until is not None
    assert timedelta() < over.until - timezone.now() <= timedelta(hours=1)
    row = ProviderPace.objects.get()
    assert row.day is not None
    ProviderPace.objects.update(day=row.day - timedelta(days=1))
    assert _ask(relay, 7) == 7


def _due(lane: str, **fields: Any) -> Message:
    campaign = draft(shop=small_shop(), lane=lane)
    Campaign.objects.filter(pk=campaign.pk).update(state="running")
    return make_message(campaign, make_customer(), "queued", **{"due_at": a_minute_ago(), "sent_at": None, **fields})


@pytest.mark.parametrize(
    ("waiting", "lane", "granted"),
    [("transactional", "bulk", 0), ("care", "bulk", 0), ("transactional", "care", 0), ("bulk", "care", 5),
     ("care", "transactional", 5), ("bulk", "bulk", 5)],
)  # fmt: skip
def test_where_the_bucket_is_short_the_more_urgent_goes_first(
    provider: Simulator, waiting: str, lane: str, granted: int
) -> None:
    relay = make_provider(rate=1, burst=5)
    _due(waiting)
    assert _ask(relay, 20, lane) == granted


def test_marketing_waits_for_nobody_where_there_is_enough_nor_for_what_is_stuck(provider: Simulator) -> None:
    message = _due("transactional")
    assert _ask(make_provider(rate=1, burst=50), 20) == 20
    short = make_provider(code="short", rate=1, burst=5)
    Message.objects.filter(pk=message.pk).update(due_at=a_minute_ago() - policy.URGENT_FOR)
    assert _ask(short, 20) == 5
    Message.objects.filter(pk=message.pk).update(due_at=timezone.now() + timedelta(hours=1))
    _seconds_pass(short, 5)
    assert _ask(short, 20) == 5


def test_refusals_in_a_row_are_counted_to_twenty_and_a_success_between_counts_anew(provider: Simulator) -> None:
    relay = make_provider()
    assert not pace.note_refusals(provider_id=relay.pk, count=policy.MANY_REFUSALS - 1)
    pace.note_success(provider_id=relay.pk)
    assert not pace.note_refusals(provider_id=relay.pk, count=policy.MANY_REFUSALS - 1)
    assert pace.note_refusals(provider_id=relay.pk, count=1)
    assert not pace.note_refusals(provider_id=relay.pk, count=1)  # whoever goes on has twenty again
    relay.refresh_from_db()
    assert relay.blocked_at is None  # another campaign's text may be fine


def test_whoever_refuses_the_account_is_blocked_at_once_and_the_first_reason_stays(provider: Simulator) -> None:
    relay = make_provider()
    pace.shut(provider_id=relay.pk, reason="402 no balance")
    pace.shut(provider_id=relay.pk, reason="401")
    relay.refresh_from_db()
    assert relay.blocked_reason == "402 no balance"


# --- the whole lane ---------------------------------------------------------------------------------------------------


def test_a_refused_account_blocks_the_provider_the_campaign_waits_and_goes_on(provider: Simulator) -> None:
    reachable("Ann")
    with two_ways("email", Answer.shut()) as (first,):
        campaign = deliver(prepared(shop=small_shop()))
        assert fates(campaign) == {"Ann": ("retry_wait", "provider_auth")}
        assert (campaign.state, campaign.pause_reason) == ("running", "")
        first.provider.refresh_from_db()
        assert first.provider.blocked_reason == "401 wrong password"
        again = deliver(campaign)
        assert "is blocked: 401 wrong password" in again.trouble
        Message.objects.update(due_at=a_minute_ago())
        assert "is blocked" in deliver(campaign).trouble and len(first.got) == 1

        Provider.objects.filter(pk=first.provider.pk).update(blocked_at=None, blocked_reason="")
        first.answers = Answer.taken()
        assert fates(deliver(campaign)) == {"Ann": ("accepted", "")}
        campaign.refresh_from_db()
        assert (campaign.state, campaign.trouble) == ("finished", "")


def test_the_next_provider_takes_over_what_is_not_in_doubt_and_only_that(provider: Simulator) -> None:
    reachable("Doubt"), reachable("Ann")
    with two_ways("email", Answer.silent(), Answer.taken(), idempotency="key") as (first, second):
        campaign = prepared(shop=small_shop())
        Message.objects.filter(customer__name="Ann").update(due_at=timezone.now() + timedelta(hours=1))
        deliver(campaign)
        assert fates(campaign) == {"Doubt": ("retry_wait", "no_answer"), "Ann": ("queued", "")}
        Message.objects.update(due_at=a_minute_ago())
        first.answers = Answer.shut()

        campaign = deliver(campaign)

        assert fates(campaign) == {"Doubt": ("retry_wait", "provider_auth"), "Ann": ("accepted", "")}
        assert [name for name, _key in second.got] == ["Ann"]
        assert campaign.messages.get(customer__name="Ann").provider == "second"


def test_twenty_refusals_of_everything_spare_the_rest_of_the_audience(provider: Simulator) -> None:
    for _number in range(policy.MANY_REFUSALS + 5):
        reachable()
    with two_ways("email", Answer.refused()) as (first,):
        campaign = deliver(prepared(shop=small_shop()))
        states = list(campaign.messages.values_list("state", flat=True))
        assert (states.count("failed"), states.count("queued")) == (policy.MANY_REFUSALS, 5)
        assert len(first.got) == policy.MANY_REFUSALS
        assert campaign.state == "paused" and "one copy after the other" in campaign.pause_reason


def test_a_busy_provider_is_slowed_and_a_greylisted_mailbox_slows_nobody(provider: Simulator) -> None:
    reachable("Ann")
    with two_ways("email", Answer.busy("450 4.2.0 greylisted")) as (first,):
        deliver(prepared(shop=small_shop()))
        assert ProviderPace.objects.get(provider=first.provider).factor == 1
        first.answers = Answer.busy("429 slow down", retry_after=30)
        reachable("Bob")
        campaign = deliver(prepared(shop=small_shop()))
        row = ProviderPace.objects.get(provider=first.provider)
        assert row.factor == 0.5 and row.filled_at > timezone.now() + timedelta(seconds=25)
        due = campaign.messages.get(customer__name="Bob").due_at
        assert timedelta(seconds=25) < due - timezone.now() < timedelta(seconds=37)


def test_the_providers_ceiling_moves_the_rest_to_its_next_day(provider: Simulator) -> None:
    for _number in range(5):
        reachable()
    with two_ways("email", Answer.taken(), daily_ceiling=3, timezone=zone_at(20)) as (first,):
        campaign = deliver(prepared(shop=small_shop()))
        waiting = campaign.messages.filter(state="queued", reason="daily_ceiling")
        assert (len(first.got), waiting.count(), campaign.state) == (3, 2, "running")
        for message in waiting:
            assert timedelta(hours=3) < message.due_at - timezone.now() <= timedelta(hours=4)


def test_the_claim_of_a_batch_is_one_statement(provider: Simulator, django_assert_num_queries: Any) -> None:
    for _number in range(30):
        reachable()
    campaign = prepared(shop=small_shop())

    with django_assert_num_queries(1):
        assert len(claim.claim(campaign_id=campaign.pk)) == 30


# --- giving way -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "handed"),
    [("bulk", "transactional", 2), ("bulk", "care", 2), ("care", "transactional", 2), ("care", "bulk", 6),
     ("bulk", "bulk", 6), ("transactional", "transactional", 6)],
)  # fmt: skip
def test_a_worker_is_free_for_the_more_urgent_after_one_batch(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, ours: str, theirs: str, handed: int
) -> None:
    """Whatever their channel: all workers may be busy with such campaigns."""
    monkeypatch.setattr(policy, "CLAIM_SIZE", 2)
    shop = small_shop(timezone=daylight_zone())
    for _number in range(6):
        reachable()
    campaign = prepared(shop=shop, lane=ours)
    reachable("Mei", channel="sms")
    urgent = prepared(shop=shop, lane=theirs, channel="sms", body="hello")
    assert run.deliver(campaign_id=campaign.pk, lanes=1) == handed

    run.deliver(campaign_id=urgent.pk, lanes=1)
    deliver(campaign)
    assert set(campaign.messages.values_list("state", flat=True)) == {"accepted"}
