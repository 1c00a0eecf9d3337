"""Launch, pause, resume, cancel, expire: what a campaign may become, and what becomes of its messages."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns import services, tracking
from campaigns.delivery import run, sweep
from campaigns.models import Campaign, Message
from crm_suite.lib.errors import BadInput, DomainError, WrongState
from customers.services import suppress
from segmentation.models import Segment
from tests.builders import make_customer, make_entry, make_message, make_shop, make_user
from tests.campaigns.delivery_cast import (
    EVERYBODY,
    daylight_zone,
    deliver,
    draft,
    fates,
    prepared,
    reachable,
    small_shop,
)
from tests.campaigns.provider import Provider

pytestmark = pytest.mark.django_db


def test_launching_twice_makes_one_run(provider: Provider) -> None:
    campaign = draft(shop=small_shop())
    services.launch_campaign(campaign=campaign, by=None)
    with pytest.raises(WrongState):
        services.launch_campaign(campaign=campaign, by=None)


def test_what_cannot_be_sent_is_not_launched(provider: Provider, settings: Settings) -> None:
    shop = small_shop()
    with pytest.raises(BadInput):
        services.launch_campaign(campaign=draft(shop=shop, body="{{ nope }}"), by=None)
    with pytest.raises(BadInput):
        services.launch_campaign(campaign=draft(shop=shop, segment=None), by=None)
    settings.SMTP_URL = ""
    with pytest.raises(DomainError):
        services.launch_campaign(campaign=draft(shop=shop), by=None)


def test_invented_customers_are_never_written_to_through_a_real_provider(
    provider: Provider, settings: Settings
) -> None:
    shop = small_shop(is_demo=True, book="CNY demo")
    settings.SMTP_URL = "smtp://mail.shop.example"
    with pytest.raises(BadInput):
        services.launch_campaign(campaign=draft(shop=shop), by=None)
    settings.SMTP_URL = "smtp://localhost"  # a relay to the whole world
    with pytest.raises(BadInput):
        services.launch_campaign(campaign=draft(shop=shop), by=None)
    settings.SMTP_URL, settings.SIMULATED_CHANNELS = provider.smtp_url, ["email"]
    assert services.launch_campaign(campaign=draft(shop=shop), by=None).state == "scheduled"


def test_a_provider_connected_after_the_launch_gets_no_invented_customer_either(
    provider: Provider, settings: Settings
) -> None:
    reachable("Invented", is_demo=True)
    reachable("Ann")
    settings.SIMULATED_CHANNELS = ["email"]
    campaign = prepared(shop=small_shop())
    settings.SIMULATED_CHANNELS = []
    assert fates(deliver(campaign)) == {"Invented": ("skipped", "demo"), "Ann": ("accepted", "")}


def test_what_comes_back_after_a_cancel_does_not_wait_for_ever(provider: Provider) -> None:
    campaign = draft(shop=small_shop())
    services.cancel_campaign(campaign=campaign, by=None)
    for name, sent_at in (("refused", None), ("in doubt", timezone.now())):
        make_message(campaign, make_customer(name), "retry_wait", sent_at=sent_at)
    sweep.sweep()
    assert fates(campaign) == {"refused": ("cancelled", ""), "in doubt": ("unknown", "cancelled")}


def test_a_test_message_shows_that_it_is_one_and_counts_nowhere(provider: Provider) -> None:
    campaign = draft(shop=small_shop())
    receipt = services.send_test(campaign=campaign, address="boss@shop.example", by=make_user("owner"))
    row = provider.rows()[-1]
    assert (row["recipient"], row["subject"]) == ("boss@shop.example", "[Test] News for you")
    assert f"<{tracking.unsubscribe_url(tracking.NOBODY)}>" in row["body"]
    assert receipt.provider_message_id
    assert not Message.objects.exists()
    suppress(channel="email", address="boss@shop.example", reason="manual")
    with pytest.raises(BadInput):
        services.send_test(campaign=campaign, address="boss@shop.example", by=None)


def test_a_campaign_of_tomorrow_does_not_begin_today(provider: Provider) -> None:
    reachable("Ann")
    campaign = draft(shop=small_shop())
    later = campaign.created_at.replace(year=campaign.created_at.year + 1)
    services.launch_campaign(campaign=campaign, by=None, at=later)
    run.prepare(campaign_id=campaign.pk)
    run.tick()
    campaign.refresh_from_db()
    assert (campaign.state, campaign.messages.count()) == ("scheduled", 0)
    assert campaign.send_until == later + timedelta(hours=campaign.send_hours)


def test_pause_resume_cancel_keep_every_row_named(provider: Provider) -> None:
    owner = make_user("owner")
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    services.pause_campaign(campaign=campaign, by=owner, reason="typing mistake")
    assert deliver(campaign).messages.get().state == "queued"
    services.resume_campaign(campaign=campaign, by=owner)
    assert campaign.state == "running"
    services.cancel_campaign(campaign=campaign, by=owner)
    assert campaign.messages.get().state == "cancelled"
    with pytest.raises(WrongState):
        services.resume_campaign(campaign=campaign, by=owner)


def test_what_is_in_doubt_survives_a_cancel_as_doubt(provider: Provider) -> None:
    shop = small_shop(timezone=daylight_zone())
    reachable("Ann", channel="sms")
    campaign = prepared(shop=shop, channel="sms", body="hello")
    provider.behave("drop-after-accept")
    campaign = deliver(campaign)
    services.cancel_campaign(campaign=campaign, by=None)
    assert fates(campaign) == {"Ann": ("unknown", "cancelled")}


def test_after_the_window_nothing_is_sent(provider: Provider) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    Campaign.objects.filter(pk=campaign.pk).update(send_until="2020-01-01T00:00Z")
    campaign = deliver(campaign)
    message = campaign.messages.get()
    assert (message.state, message.reason) == ("expired", "send_window")
    assert str(message.token) not in provider.references()
    assert campaign.state == "finished"


def test_a_campaign_is_of_the_shop_that_its_segment_and_its_plan_entry_are_of(provider: Provider) -> None:
    shop, other = small_shop(), make_shop("other", currency="GBP")
    with pytest.raises(BadInput) as refused:
        draft(shop=shop, segment=Segment.objects.create(name="British", rule=EVERYBODY, book="GBP"))
    assert refused.value.code == "wrong_book"
    with pytest.raises(BadInput) as refused:
        draft(shop=shop, plan_entry=make_entry(other, "2026-11-20"))
    assert refused.value.code == "wrong_shop"


def test_a_plan_entry_has_one_campaign(provider: Provider) -> None:
    shop = small_shop()
    entry, another = make_entry(shop, "2026-11-20"), make_entry(shop, "2026-11-21")
    draft(shop=shop, plan_entry=entry)
    with pytest.raises(WrongState) as refused:
        draft(shop=shop, plan_entry=entry)
    assert refused.value.code == "entry_taken"
    assert draft(shop=shop, plan_entry=another).plan_entry == another
