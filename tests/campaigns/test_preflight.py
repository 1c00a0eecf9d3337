"""Before a launch: the list that is gone through."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from campaigns import ruling, services
from campaigns.launch.preflight import preflight
from campaigns.launch.readiness import readiness
from campaigns.models import Campaign, Message, Provider, TopicRefusal
from crm_suite.lib.digests import address_digest
from customers.models import Customer, Shop
from tests.builders import make_campaign, make_customer, make_facts, make_message, make_token, make_user
from tests.campaigns.delivery_cast import draft, reachable, small_shop
from tests.campaigns.provider import Provider as Stub

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 11, 7, tzinfo=UTC)  # three in the afternoon in Shanghai
ZONE = "Asia/Shanghai"


@pytest.fixture(autouse=True)
def afternoon() -> object:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def shop() -> Shop:
    return small_shop()


def check(campaign: Campaign, code: str) -> list[tuple[str, str]]:
    """Level and words of the lines with this code."""
    campaign = Campaign.objects.select_related("shop", "segment", "template").get(pk=campaign.pk)
    return [
        (line.level, line.words) for line in readiness(campaign, at=campaign.scheduled_at).checks if line.code == code
    ]


def level(campaign: Campaign, code: str) -> list[str]:
    return [found for found, _words in check(campaign, code)]


def got_lately(customer: Customer, shop: Shop, times: int = 3) -> None:
    for _time in range(times):
        campaign = make_campaign(shop, state="finished", started_at=NOW - timedelta(days=1))
        make_message(campaign, customer, sent_at=NOW - timedelta(days=1))


# --- the list ---------------------------------------------------------------------------------------------------------


def test_every_exclusion_is_counted_and_the_rest_adds_up(shop: Shop, provider: Stub) -> None:
    reachable("Ann")
    make_facts(make_customer("No address"))
    make_facts(make_customer("Silent", email="silent@shop.example"))
    got_lately(reachable("Enough"), shop)
    refuses = reachable("No news")
    TopicRefusal.objects.create(channel="email", topic="news", address_digest=address_digest(refuses.email))
    twins = [reachable("Twin", email="twin@shop.example"), reachable("Twin too", email="Twin@shop.example")]
    campaign = draft(shop=shop, topic="news")
    counted = preflight(campaign)
    assert {line.code: line.n for line in counted.excluded} == {
        "no_address": 1, "no_consent": 1, "frequency_cap": 1, "topic_refused": 1, "duplicate_address": 1,
    }  # fmt: skip
    assert (counted.audience, counted.treated, len(twins)) == (7, 2, 2)
    assert level(campaign, "excluded") == ["good"]


def test_who_got_enough_is_held_where_the_campaign_says_so_and_free_for_notices(shop: Shop) -> None:
    got_lately(reachable("Enough"), shop)
    reachable("Ann")
    held = preflight(draft(shop=shop, when_capped="hold"))
    assert (held.treated, held.held, held.excluded) == (2, 1, [])
    notice = preflight(draft(shop=shop, lane="transactional"))
    assert (notice.treated, notice.held) == (2, 0)
    assert preflight(draft(shop=shop)).treated == 1


def test_the_stores_own_cap_holds_and_not_the_default(shop: Shop) -> None:
    got_lately(reachable("Enough"), shop)
    ruling.set_policy(channel="email", cap=4, cap_days=7, quiet_from=time(0), quiet_until=time(0), by=None)
    assert preflight(draft(shop=shop)).treated == 1


def test_a_field_without_a_value_is_counted_over_the_real_audience(shop: Shop, provider: Stub) -> None:
    reachable("Ann", city="Hangzhou")
    reachable("Ben")
    campaign = draft(shop=shop, body="Hello from {{ city }}")
    assert check(campaign, "fields") == [("doubt", "1 customer would get nothing: “city” has no value and no default.")]
    assert level(draft(shop=shop, body="Hello {{ city | default: 'you' }}"), "fields") == ["good"]


def test_links_senders_and_ways_out_are_looked_at(shop: Shop, provider: Stub) -> None:
    reachable("Ann")
    body = "[safe](https://shop.example/a) [open](http://shop.example/b)"
    campaign = draft(shop=shop, body=body)
    assert level(campaign, "link") == ["good", "doubt"]
    assert level(campaign, "unsubscribe") == ["good"]
    assert check(campaign, "sender") == [("good", "Sender: news@shop.example")]
    shop.email_from = ""
    shop.save()
    assert level(campaign, "sender") == ["doubt"]


def test_the_provider_is_named_blocked_simulated_or_missing(shop: Shop, provider: Stub, settings: Settings) -> None:
    reachable("Ann")
    campaign = draft(shop=shop)
    assert level(campaign, "provider") == ["good"]
    settings.SIMULATED_CHANNELS = ["email"]
    assert "nobody real" in check(campaign, "provider")[0][1]
    settings.SIMULATED_CHANNELS = []
    assert level(campaign, "provider") == ["good"]
    Provider.objects.filter(channel="email").update(blocked_at=NOW, blocked_reason="no balance")
    ((found, words),) = check(campaign, "provider")
    assert (found, "no balance" in words) == ("bad", True)
    settings.SMTP_URL = ""
    assert level(campaign, "provider") == ["bad"]
    assert not readiness(campaign).can_launch


def test_the_cost_is_held_against_both_budgets(shop: Shop, provider: Stub) -> None:
    reachable("Ann", channel="sms")
    campaign = draft(shop=shop, channel="sms", body="hello", budget=Decimal("0.04"))
    assert check(campaign, "cost") == [("good", "Cost: CN¥0.05")]
    assert level(campaign, "budget") == ["doubt"]
    services.change_draft(campaign=campaign, by=None, budget=Decimal("0.05"))
    assert level(campaign, "budget") == ["good"]
    ruling.set_limits(by=None, month_budget=Decimal("1.00"))
    assert level(campaign, "month_budget") == ["good"]
    before = make_campaign(
        shop, channel="sms", state="finished", started_at=NOW - timedelta(days=3), unit_price=Decimal("0.05")
    )
    for number in range(20):
        make_message(before, make_customer(f"November {number}"))
    ((found, words),) = check(campaign, "month_budget")
    assert (found, "CN¥1.00 of CN¥1.00" in words) == ("doubt", True)
    Message.objects.filter(campaign=before).update(sent_at=NOW - timedelta(days=15))  # October
    assert level(campaign, "month_budget") == ["good"]


def test_a_price_that_nobody_entered_is_said_and_not_guessed(provider: Stub) -> None:
    campaign = draft(shop=small_shop(currency="GBP"))
    assert level(campaign, "cost") == ["doubt"]
    assert readiness(campaign).cost is None


def test_a_start_in_quiet_hours_says_what_becomes_of_them(shop: Shop, provider: Stub) -> None:
    campaign = draft(shop=shop, channel="sms", body="hello")
    assert level(campaign, "quiet_hours") == ["good"]
    services.change_draft(campaign=campaign, by=None, scheduled_at=datetime(2026, 11, 11, 15, tzinfo=UTC))
    assert "they wait" in check(campaign, "quiet_hours")[0][1]
    services.change_draft(campaign=campaign, by=None, when_quiet="skip")
    assert "left out" in check(campaign, "quiet_hours")[0][1]
    services.change_draft(campaign=campaign, by=None, lane="transactional")
    assert check(campaign, "quiet_hours") == []


def test_a_ceiling_that_does_not_fit_into_the_window_is_told(shop: Shop, provider: Stub) -> None:
    for _number in range(5):
        reachable()
    campaign = draft(shop=shop, daily_ceiling=2)
    level(campaign, "end")  # the provider of the environment is there from the first look on
    Provider.objects.filter(channel="email").update(rate=10)
    ((found, words),) = check(campaign, "end")
    assert (found, words) == ("doubt", "1 message would not go out within the send window of 24 hours.")
    services.change_draft(campaign=campaign, by=None, send_hours=72)
    ((found, words),) = check(campaign, "end")
    assert (found, "2026-11-13 00:00" in words) == ("good", True)
    Provider.objects.filter(channel="email").update(rate=None)
    assert "cannot be told" in check(campaign, "end")[0][1]


def test_a_second_person_is_announced_before_the_button_is_pressed(client: Client, shop: Shop, provider: Stub) -> None:
    reachable("Ann")
    ruling.set_limits(by=None, approve_above_people=0)
    campaign = draft(shop=shop)
    assert level(campaign, "approval") == ["doubt"]
    client.force_login(make_user("owner"))
    shown = client.get(reverse("campaigns:launch_panel", args=[campaign.pk])).content.decode()
    assert "Ask for approval to send to 1 customer" in " ".join(shown.split())


def test_the_api_tells_the_same(client: Client, shop: Shop, provider: Stub) -> None:
    reachable("Ann")
    make_facts(make_customer("No address"))
    campaign = draft(shop=shop)
    headers = {"authorization": f"Bearer {make_token('campaigns:read', 'campaigns:send')}"}
    found = client.get(f"/api/v1/campaigns/{campaign.pk}/preflight", headers=headers).json()
    assert (found["treated"], found["excluded"], found["can_launch"]) == (1, {"no_address": 1}, True)
    assert {line["code"] for line in found["checks"]} >= {
        "audience",
        "fields",
        "unsubscribe",
        "provider",
        "cost",
        "end",
    }
    url = f"/api/v1/campaigns/{campaign.pk}/test"
    tried = client.post(url, {"address": "boss@shop.example"}, "application/json", headers=headers)
    assert (tried.status_code, tried.json()["outcome"]) == (200, "accepted")
