"""Who is frozen into a campaign: everybody once, with a reason where they get nothing."""

from collections import Counter
from contextlib import suppress as suppress_errors
from itertools import count

import pytest
from django.utils import timezone

from campaigns import policy, services
from campaigns.delivery import materialise, run
from campaigns.models import Campaign, Message, Template
from customers.models import Customer
from customers.services import record_optout, suppress
from segmentation.models import Segment
from tests.builders import make_customer, make_facts
from tests.campaigns.delivery_cast import (
    draft,
    fates,
    message_to,
    prepared,
    reachable,
    small_shop,
)
from tests.campaigns.provider import Provider

pytestmark = pytest.mark.django_db


def test_everybody_in_the_audience_has_one_row_with_its_reason(provider: Provider) -> None:
    shop = small_shop()
    reachable("Ann")
    silent = make_customer("No consent", email="silent@shop.example")
    make_facts(silent)
    make_facts(make_customer("No address"))
    record_optout(customer=reachable("Unsubscribed"), channel="email", source="form")
    bounced = reachable("Bounced")
    suppress(channel="email", address=bounced.email, reason="bounced")
    reachable("Twin", email="ann.twin@shop.example")
    reachable("Younger twin", email="Ann.Twin@shop.example")
    stranger = reachable("Other book")
    stranger.facts.book = "GBP"
    stranger.facts.save()

    campaign = prepared(shop=shop)

    assert fates(campaign) == {
        "Ann": ("queued", ""),
        "No consent": ("skipped", "no_consent"),
        "No address": ("skipped", "no_address"),
        "Unsubscribed": ("skipped", "suppressed"),
        "Bounced": ("skipped", "suppressed"),
        "Twin": ("queued", ""),
        "Younger twin": ("skipped", "duplicate_address"),
    }
    assert (campaign.state, campaign.audience_size) == ("running", 7)


def test_only_members_of_the_segment_get_a_row_and_their_stage_is_kept(provider: Provider) -> None:
    shop = small_shop()
    lost, active = reachable("Lost"), reachable("Active")
    active.facts.stage = "active"
    active.facts.save()

    campaign = prepared(shop=shop, rule={"all": [{"field": "stage", "op": "in", "value": ["lost"]}]})

    message = campaign.messages.get()
    assert message.customer == lost
    assert (message.stage_when_chosen, message.group_when_chosen) == ("lost", "champions")
    assert message.masked_address == f"{lost.email[0]}***@shop.example"


def test_an_edited_segment_changes_nothing_that_was_launched(provider: Provider) -> None:
    shop = small_shop()
    reachable("Ann")
    campaign = services.launch_campaign(campaign=draft(shop=shop), by=None)
    Segment.objects.update(rule={"all": [{"field": "stage", "op": "in", "value": ["active"]}]})
    Template.objects.update(body="Something else")

    run.prepare(campaign_id=campaign.pk)

    assert fates(campaign) == {"Ann": ("queued", "")}
    campaign.refresh_from_db()
    assert "the new things" in campaign.body


def test_the_holdout_is_drawn_among_those_who_could_get_it_and_again_the_same(provider: Provider) -> None:
    shop = small_shop()
    for _number in range(120):
        reachable()
    for number in range(40):
        make_facts(make_customer(f"Silent {number}", email=f"silent{number}@shop.example"))

    campaign = prepared(shop=shop, holdout_percent=50)

    held = set(campaign.messages.filter(state="held_out").values_list("customer_id", flat=True))
    assert 35 <= len(held) <= 85  # 60 expected; outside this about once in a hundred thousand draws
    assert campaign.messages.filter(arm="holdout").count() == len(held)
    assert not campaign.messages.filter(state="held_out", customer__name__startswith="Silent").exists()
    campaign.messages.all().delete()
    Campaign.objects.filter(pk=campaign.pk).update(state="preparing", prepared_to=0, audience_size=None)
    run.prepare(campaign_id=campaign.pk)
    assert set(campaign.messages.filter(state="held_out").values_list("customer_id", flat=True)) == held


def test_freezing_goes_on_where_it_was_interrupted(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "CHUNK", 3)
    shop = small_shop()
    people = [reachable() for _number in range(8)]
    twin = reachable("Twin in a later chunk", email=people[0].email)
    campaign = services.launch_campaign(campaign=draft(shop=shop), by=None)
    stops = iter([None, None, None, RuntimeError("killed")])  # two places in each turn

    def die(_place: str) -> None:
        if error := next(stops, None):
            raise error

    monkeypatch.setattr("campaigns.delivery.materialise.faults.point", die)
    with pytest.raises(RuntimeError):
        run.prepare(campaign_id=campaign.pk)
    assert campaign.messages.count() == 6
    run.prepare(campaign_id=campaign.pk)

    campaign.refresh_from_db()
    assert (campaign.state, campaign.audience_size, campaign.messages.count()) == ("running", 9, 9)
    assert message_to(campaign, twin).reason == "duplicate_address"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("dies_at", [None, 1, 2, 4])
def test_two_chunks_at_once_write_everybody_once(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, dies_at: int | None
) -> None:
    """Also where the resume point was not noted any more, and where two chunks hold twins crosswise."""
    monkeypatch.setattr(policy, "CHUNK", 3)
    shop = small_shop()
    people = [reachable() for _number in range(14)]
    for elder, younger in ((0, 5), (2, 3), (6, 11), (8, 9)):
        Customer.objects.filter(pk=people[younger].pk).update(email=people[elder].email)
    campaign = services.launch_campaign(campaign=draft(shop=shop), by=None)
    noted, note = count(1), materialise._resume_behind

    def die(campaign: Campaign, upto: int | None) -> None:
        if next(noted) == dies_at:
            raise RuntimeError("killed")
        note(campaign, upto)

    monkeypatch.setattr(materialise, "_resume_behind", die)
    for _turn in range(2):
        with suppress_errors(RuntimeError):
            run.prepare(campaign_id=campaign.pk)

    campaign.refresh_from_db()
    assert (campaign.state, campaign.audience_size) == ("running", 14)
    assert sorted(campaign.messages.values_list("customer_id", flat=True)) == [person.pk for person in people]
    copies = Counter(campaign.messages.exclude(state="skipped").values_list("address_digest", flat=True))
    assert sorted(copies.values()) == [1] * 10
    assert campaign.messages.filter(reason="duplicate_address").count() == 4


@pytest.mark.parametrize(
    ("changes", "fate"),
    [
        ({}, ("skipped", "frequency_cap")),
        ({"when_capped": "hold"}, ("queued", "")),  # the gate judges when it is due
        ({"lane": "transactional"}, ("queued", "")),  # a notice obeys no cap
    ],
)
def test_who_had_enough_is_skipped_held_or_not_asked(
    provider: Provider, changes: dict[str, str], fate: tuple[str, str]
) -> None:
    shop = small_shop()
    often, seldom = reachable("Often"), reachable("Seldom")
    for number in range(policy.CAPS["email"]):
        earlier = prepared(shop=shop)
        sent = earlier.messages.filter(customer__in=[often, *([seldom] if number else [])])
        Message.objects.filter(pk__in=sent).update(sent_at=timezone.now())

    campaign = draft(shop=shop)
    Campaign.objects.filter(pk=campaign.pk).update(**changes)
    campaign.refresh_from_db()
    services.launch_campaign(campaign=campaign, by=None)
    run.prepare(campaign_id=campaign.pk)

    assert fates(campaign) == {"Often": fate, "Seldom": ("queued", "")}


def test_notices_count_for_no_cap(provider: Provider) -> None:
    shop = small_shop()
    ann = reachable("Ann")
    for _number in range(policy.CAPS["email"]):
        notice = prepared(shop=shop)
        Campaign.objects.filter(pk=notice.pk).update(lane="transactional")
        notice.messages.update(sent_at=timezone.now())

    assert message_to(prepared(shop=shop), ann).state == "queued"


def test_who_may_be_written_to_again_is_not_left_out_by_old_facts(provider: Provider) -> None:
    shop = small_shop()
    ann = reachable("Ann")
    ann.facts.email_ok = False
    ann.facts.save()

    assert fates(prepared(shop=shop)) == {"Ann": ("queued", "")}
