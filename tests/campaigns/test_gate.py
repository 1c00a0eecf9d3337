"""The last moment before a message leaves: who may still get it."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, time, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from campaigns import policy, services
from campaigns.delivery import claim, gate, states
from campaigns.delivery.claim import Claimed
from campaigns.delivery.gate import Admission
from campaigns.models import Attempt, Campaign, Message
from customers.models import Customer
from customers.services import record_consent, record_optout, suppress
from tests.campaigns.delivery_cast import (
    daylight_zone,
    deliver,
    fates,
    message_to,
    prepared,
    reachable,
    small_shop,
    zone_at,
)
from tests.campaigns.provider import Provider

pytestmark = pytest.mark.django_db


def _admit(campaign: Campaign, batch: list[Claimed]) -> Admission:
    people = Customer.objects.in_bulk([claimed.customer_id for claimed in batch])
    field = "email" if campaign.channel == "email" else "phone"
    addresses = {claimed.id: getattr(people[claimed.customer_id], field) for claimed in batch}
    return gate.admit(campaign=campaign, batch=batch, addresses=addresses, parts={one.id: 1 for one in batch})


def test_whoever_changed_their_mind_after_the_audience_was_frozen_gets_nothing(provider: Provider) -> None:
    left, withdrew, bounced, moved = (reachable(name) for name in ("Left", "Withdrew", "Bounced", "Moved"))
    reachable("Stayed")
    campaign = prepared(shop=small_shop())
    record_optout(customer=left, channel="email", source="call")
    record_consent(customer=withdrew, channel="email", granted=False, source="call")
    suppress(channel="email", address=bounced.email, reason="bounced")
    moved.email = "new.address@shop.example"
    moved.save()

    campaign = deliver(campaign)

    assert fates(campaign) == {
        "Left": ("skipped", "suppressed"),
        "Withdrew": ("skipped", "no_consent"),
        "Bounced": ("skipped", "suppressed"),
        "Moved": ("skipped", "address_changed"),
        "Stayed": ("accepted", ""),
    }
    sent = set(provider.references())
    assert [str(m.token) in sent for m in campaign.messages.order_by("customer_id")] == [False] * 4 + [True]
    assert Attempt.objects.filter(message__campaign=campaign).count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_opt_out_and_the_gate_take_turns(provider: Provider) -> None:
    first, second = reachable("First"), reachable("Second")
    campaign = prepared(shop=small_shop())
    his, hers = (claim.claim(campaign_id=campaign.pk, limit=1) for _time in range(2))

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():  # the opt-out is on its way, nobody can see it yet
            record_optout(customer=first, channel="email", source="call")
            at_the_gate = other.submit(_elsewhere, lambda: _admit(campaign, his))
            assert wait([at_the_gate], timeout=0.7).not_done
        assert at_the_gate.result(10).passed == {}
        with transaction.atomic():  # the other way round: it waits until the send is a fact
            assert len(_admit(campaign, hers).passed) == 1
            late = other.submit(_elsewhere, lambda: suppress(channel="email", address=second.email, reason="manual"))
            assert wait([late], timeout=0.7).not_done
        late.result(10)

    assert fates(campaign) == {"First": ("skipped", "suppressed"), "Second": ("sending", "")}


def _elsewhere(deed: Callable[[], Any]) -> Any:
    """In a thread, whose connection ends with it."""
    try:
        return deed()
    finally:
        connection.close()


def test_the_cap_counts_what_reached_somebody_over_all_campaigns(provider: Provider) -> None:
    shop = small_shop(timezone=daylight_zone())
    reachable("Ann", channel="sms")
    running = [prepared(shop=shop, channel="sms", body="hello") for _number in range(3)]

    ends = [fates(deliver(campaign)) for campaign in running]

    assert ends == [{"Ann": ("accepted", "")}] * 2 + [{"Ann": ("skipped", "frequency_cap")}]
    assert fates(prepared(shop=shop, channel="sms", body="hello")) == {"Ann": ("skipped", "frequency_cap")}
    Message.objects.filter(sent_at__isnull=False).update(
        sent_at=timezone.now() - policy.CAP_WINDOW - timedelta(hours=1)
    )
    assert fates(deliver(prepared(shop=shop, channel="sms", body="hello"))) == {"Ann": ("accepted", "")}


def test_a_definite_refusal_gives_the_slot_back_and_the_other_channel_has_its_own(provider: Provider) -> None:
    shop = small_shop(timezone=daylight_zone())
    ann = reachable("Ann", channel="sms")
    record_consent(customer=ann, channel="email", granted=True, source="form")
    first = prepared(shop=shop, channel="sms", body="hello")
    provider.behave("4xx")
    assert fates(deliver(first)) == {"Ann": ("retry_wait", "provider_busy")}
    provider.behave("ok")
    for _number in range(2):
        assert fates(deliver(prepared(shop=shop, channel="sms", body="hello"))) == {"Ann": ("accepted", "")}
    assert fates(deliver(prepared(shop=shop))) == {"Ann": ("accepted", "")}


def test_at_night_an_sms_waits_for_the_morning_of_the_shop(provider: Provider) -> None:
    shop = small_shop(timezone=zone_at(22))
    ann = reachable("Ann", channel="sms")
    campaign = deliver(prepared(shop=shop, channel="sms", body="hello"))

    message = message_to(campaign, ann)
    assert (message.state, message.claims, campaign.state) == ("queued", 0, "running")
    opening = message.due_at.astimezone(ZoneInfo(shop.timezone))
    assert (opening.hour, opening.minute) == (9, 0)
    assert timedelta(hours=9) < message.due_at - timezone.now() < timedelta(hours=12)


def test_at_night_an_e_mail_goes_out(provider: Provider) -> None:
    reachable("Ann")
    campaign = deliver(prepared(shop=small_shop(timezone=zone_at(22))))
    assert fates(campaign) == {"Ann": ("accepted", "")}


@pytest.mark.parametrize(
    ("local", "until"),
    [("20:59", None), ("21:00", "02 09:00"), ("23:59", "02 09:00"), ("00:00", "01 09:00"), ("08:59", "01 09:00"),
     ("09:00", None)],
)  # fmt: skip
def test_quiet_hours_by_the_clock_on_the_wall(local: str, until: str | None) -> None:
    now = datetime.fromisoformat(f"2026-03-01T{local}+08:00")
    end = policy.end_of_quiet(now=now, zone="Asia/Shanghai", start=time(21), end=time(9))
    assert (end.strftime("%d %H:%M") if end else None) == until


def test_a_row_that_somebody_else_holds_now_is_left_alone(provider: Provider) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    batch = claim.claim(campaign_id=campaign.pk)
    Message.objects.update(claim_token=uuid.uuid4())
    assert _admit(campaign, batch) == Admission(passed={})
    assert fates(campaign) == {"Ann": ("claimed", "")}


def test_the_gate_is_shut_while_paused_and_after_a_cancel(provider: Provider) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    batch = claim.claim(campaign_id=campaign.pk)
    services.pause_campaign(campaign=campaign, by=None)
    assert _admit(campaign, batch).shut == "stopped"
    services.resume_campaign(campaign=campaign, by=None)
    assert list(_admit(campaign, batch).passed.values()) == [1]
    assert _admit(campaign, batch).passed == {}  # not twice with one claim


def test_code_and_database_agree_on_every_transition(provider: Provider) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    pk = campaign.messages.get().pk
    disagreements = []
    for old, new in product(Message.State.values, repeat=2):
        _put(pk, old)
        try:
            with transaction.atomic():
                Message.objects.filter(pk=pk).update(state=new, reason="a test")
            went = True
        except IntegrityError:
            went = False
        if went != states.may(old, new):
            disagreements.append((old, new, went))
    assert disagreements == []


def _put(pk: int, state: str) -> None:
    """Past the trigger, as a test may."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE campaigns_message SET state = %s, reason = 'a test' WHERE id = %s", [state, pk])
        cursor.execute("SET LOCAL session_replication_role = origin")
