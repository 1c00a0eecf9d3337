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
from campaigns.models import Attempt, Campaign, ChannelPolicy, Message, TopicRefusal
from campaigns.zones import zone_of
from crm_suite.lib.digests import address_digest
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
    running = [prepared(shop=shop, channel="sms", body=f"hello {number}") for number in range(3)]

    ends = [fates(deliver(campaign)) for campaign in running]

    assert ends == [{"Ann": ("accepted", "")}] * 2 + [{"Ann": ("skipped", "frequency_cap")}]
    assert fates(prepared(shop=shop, channel="sms", body="hello again")) == {"Ann": ("skipped", "frequency_cap")}
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
    for number in range(2):
        assert fates(deliver(prepared(shop=shop, channel="sms", body=f"hello {number}"))) == {"Ann": ("accepted", "")}
    assert fates(deliver(prepared(shop=shop))) == {"Ann": ("accepted", "")}


def test_at_night_an_sms_waits_for_the_morning_of_the_shop(provider: Provider) -> None:
    shop = small_shop(timezone=zone_at(22))
    ann = reachable("Ann", channel="sms")
    campaign = deliver(prepared(shop=shop, channel="sms", body="hello"))

    message = message_to(campaign, ann)
    assert (message.state, message.reason, message.claims) == ("queued", "quiet_hours", 0)
    assert campaign.state == "running"
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


def test_the_night_is_that_of_the_customers_country(provider: Provider) -> None:
    """The shop is asleep. Of the customers' countries one is in daylight, one has many clocks, one is no country."""
    awake = next(name for name in ("Japan", "Germany", "Argentina", "Samoa") if _hour_in(name) in range(9, 21))
    shop = small_shop(timezone=zone_at(23))
    for name, country in (("Awake", awake), ("Many clocks", "United States"), ("Nowhere", "Atlantis")):
        reachable(name, channel="sms", country=country)

    campaign = deliver(prepared(shop=shop, channel="sms", body="hello"))

    assert fates(campaign) == {
        "Awake": ("accepted", ""),
        "Many clocks": ("queued", "quiet_hours"),
        "Nowhere": ("queued", "quiet_hours"),
    }


def _hour_in(country: str) -> int:
    return timezone.now().astimezone(ZoneInfo(zone_of(country) or "UTC")).hour


@pytest.mark.parametrize(
    ("country", "zone"),
    [("China", "Asia/Shanghai"), ("中国", "Asia/Shanghai"), ("cn", "Asia/Shanghai"), ("GBR", "Europe/London"),
     (" Germany ", "Europe/Berlin"), ("香港", "Asia/Hong_Kong"), ("USA", None), ("Spain", None),
     ("Mars", None), ("", None)],
)  # fmt: skip
def test_countries_with_one_clock(country: str, zone: str | None) -> None:
    assert zone_of(country) == zone


def test_whoever_may_not_be_held_is_left_out(provider: Provider) -> None:
    shop = small_shop(timezone=zone_at(22))
    reachable("Ann", channel="sms")
    assert fates(deliver(prepared(shop=shop, channel="sms", when_quiet="skip"))) == {"Ann": ("skipped", "quiet_hours")}
    # Held beyond its window it could never go.
    assert fates(deliver(prepared(shop=shop, channel="sms", send_hours=2))) == {"Ann": ("skipped", "quiet_hours")}


def test_a_notice_goes_at_night_and_fills_no_cap_and_care_obeys_both(provider: Provider) -> None:
    night, day = small_shop(timezone=zone_at(22)), small_shop(name="Day", timezone=daylight_zone())
    reachable("Ann", channel="sms")
    assert fates(deliver(prepared(shop=night, channel="sms", lane="care", body="care"))) == {
        "Ann": ("queued", "quiet_hours")
    }
    for number in range(3):
        notice = _at_the_gate(shop=night, lane="transactional", body=f"notice {number}")
        assert fates(deliver(notice)) == {"Ann": ("accepted", "")}
    for number in range(2):
        care = _at_the_gate(shop=day, lane="care", body=f"care {number}")
        assert fates(deliver(care)) == {"Ann": ("accepted", "")}
    notice = _at_the_gate(shop=day, lane="transactional", body="one more")
    assert fates(deliver(notice)) == {"Ann": ("accepted", "")}
    care = _at_the_gate(shop=day, lane="care", body="one too many")
    assert fates(deliver(care)) == {"Ann": ("skipped", "frequency_cap")}


def _at_the_gate(**fields: Any) -> Campaign:
    """Frozen while there was room: whoever was capped already when the audience was frozen waits all the same."""
    campaign = prepared(channel="sms", **fields)
    for message in campaign.messages.filter(reason="frequency_cap"):
        kept = {"customer": message.customer, "address_digest": message.address_digest, "due_at": message.due_at}
        message.delete()
        Message.objects.create(campaign=campaign, channel="sms", **kept)
    return campaign


def test_the_stores_own_cap_holds_and_whoever_is_held_goes_when_a_copy_leaves_the_window(provider: Provider) -> None:
    ChannelPolicy.objects.create(channel="sms", cap=1, cap_days=2, quiet_from=time(0), quiet_until=time(0))
    shop = small_shop(timezone=zone_at(23))  # no quiet hours any more
    ann = reachable("Ann", channel="sms")
    first = deliver(prepared(shop=shop, channel="sms", body="first"))
    assert fates(first) == {"Ann": ("accepted", "")}
    assert fates(deliver(_at_the_gate(shop=shop, body="second"))) == {"Ann": ("skipped", "frequency_cap")}

    waiting = deliver(_at_the_gate(shop=shop, body="third", when_capped="hold", send_hours=72))
    message, sent = message_to(waiting, ann), message_to(first, ann).sent_at
    assert (message.state, message.reason) == ("queued", "frequency_cap")
    assert sent is not None and message.due_at == sent + timedelta(days=2)

    late = _at_the_gate(shop=shop, body="fourth", when_capped="hold", send_hours=24)
    assert fates(deliver(late)) == {"Ann": ("skipped", "frequency_cap")}


def test_a_refused_topic_stops_that_topic_only(provider: Provider) -> None:
    shop = small_shop()
    ann = reachable("Ann")
    reachable("Bob")
    TopicRefusal.objects.create(channel="email", address_digest=address_digest(ann.email), topic="sale")
    TopicRefusal.objects.create(channel="sms", address_digest=address_digest(ann.email), topic="news")
    ends = {}
    for topic in ("sale", "news"):
        campaign = prepared(shop=shop)
        Campaign.objects.filter(pk=campaign.pk).update(topic=topic)
        ends[topic] = fates(deliver(campaign))
    assert ends == {
        "sale": {"Ann": ("skipped", "topic_refused"), "Bob": ("accepted", "")},
        "news": {"Ann": ("accepted", ""), "Bob": ("accepted", "")},
    }


def test_what_the_carrier_would_refuse_is_refused_before(provider: Provider) -> None:
    shop = small_shop(timezone=daylight_zone())
    ann = reachable("Ann", channel="sms")

    def notice(text: str) -> tuple[str, str]:
        return fates(deliver(_at_the_gate(shop=shop, lane="transactional", body=text)))["Ann"]

    assert notice("Your code") == ("accepted", "")
    assert notice("Your code") == ("skipped", "same_text")
    Message.objects.filter(customer=ann, sent_at__isnull=False).update(sent_at=timezone.now() - timedelta(minutes=2))
    assert notice("Your code") == ("accepted", "")
    for number in range(policy.NUMBER_PER_DAY - 2):
        assert notice(f"Parcel {number}") == ("accepted", "")
    assert notice("One too many") == ("skipped", "number_per_day")
    Message.objects.filter(customer=ann, sent_at__isnull=False).update(sent_at=timezone.now() - timedelta(hours=25))
    assert notice("Next day") == ("accepted", "")


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
