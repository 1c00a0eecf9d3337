"""Above a limit of the store two people agree: who asks, and somebody else."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from campaigns import ruling, services
from campaigns.models import Campaign, Link
from crm_suite.access.models import AuditEvent, User
from crm_suite.lib.errors import BadInput, WrongState
from customers.books import book_of
from customers.models import Shop
from tests.builders import make_campaign, make_entry, make_shop, make_token, make_user
from tests.campaigns.delivery_cast import draft, reachable, small_shop
from tests.campaigns.provider import Provider

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 11, 7, tzinfo=UTC)
TOMORROW = datetime(2026, 11, 12, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def afternoon() -> object:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def asker() -> User:
    return make_user("operator")


@pytest.fixture
def owner() -> User:
    return make_user("owner")


@pytest.fixture
def shop() -> Shop:
    for name in ("Ann", "Ben", "Cleo"):
        reachable(name)
    return small_shop()


@pytest.fixture
def asked(provider: Provider, shop: Shop, asker: User) -> Campaign:
    """Three people where two may be written to by one person alone."""
    ruling.set_limits(by=None, approve_above_people=2)
    return services.launch_campaign(campaign=draft(shop=shop), by=asker, at=TOMORROW)


def test_above_the_limit_a_launch_waits_with_its_wished_time(asked: Campaign) -> None:
    assert (asked.state, asked.scheduled_at, asked.send_until) == ("approval", TOMORROW, None)
    assert asked.approval_reason == "3 customers, more than 2."
    event = AuditEvent.objects.get(action="campaign.ask_approval")
    assert event.changes["limit"] == asked.approval_reason
    assert not AuditEvent.objects.filter(action="campaign.launch").exists()


def test_at_the_limit_one_person_is_enough(provider: Provider, shop: Shop, asker: User) -> None:
    ruling.set_limits(by=None, approve_above_people=3, approve_above_cost=Decimal("0.03"))
    assert services.launch_campaign(campaign=draft(shop=shop), by=asker).state == "scheduled"
    ruling.set_limits(by=None, approve_above_cost=Decimal("0.02"))
    dear = services.launch_campaign(campaign=draft(shop=shop), by=asker)
    assert (dear.state, dear.approval_reason) == ("approval", "It costs CN¥0.03, more than CN¥0.02.")


def test_a_cost_that_nobody_knows_is_not_below_a_limit(provider: Provider, asker: User) -> None:
    ruling.set_limits(by=None, approve_above_cost=Decimal(1000))
    waiting = services.launch_campaign(campaign=draft(shop=small_shop(currency="GBP")), by=asker)
    assert "No price is known" in waiting.approval_reason


def test_somebody_else_approves_and_it_starts_at_the_wished_time(asked: Campaign, owner: User) -> None:
    campaign = services.approve_campaign(campaign=asked, by=owner)
    assert (campaign.state, campaign.scheduled_at, campaign.approved_by) == ("scheduled", TOMORROW, owner)
    assert campaign.send_until is not None
    assert AuditEvent.objects.get(action="campaign.approve").actor == owner
    with pytest.raises(WrongState):
        services.approve_campaign(campaign=asked, by=owner)


def test_a_time_that_has_passed_meanwhile_means_now(asked: Campaign, owner: User) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 7, tzinfo=UTC), tick=False):
        campaign = services.approve_campaign(campaign=asked, by=owner)
        assert campaign.scheduled_at == datetime(2026, 11, 20, 7, tzinfo=UTC)


def test_nobody_approves_what_they_asked_for(asked: Campaign, asker: User) -> None:
    with pytest.raises(WrongState) as refused:
        services.approve_campaign(campaign=asked, by=asker)
    assert refused.value.code == "same_person"
    with pytest.raises(IntegrityError), transaction.atomic():
        Campaign.objects.filter(pk=asked.pk).update(approved_by=asker)
    asked.refresh_from_db()
    assert asked.state == "approval"


def test_what_is_approved_is_the_text_that_was_asked_for(asked: Campaign, owner: User) -> None:
    assert asked.template is not None
    asked.template.body = "Something quite different"
    asked.template.save()
    campaign = services.approve_campaign(campaign=asked, by=owner)
    assert "the new things" in campaign.body


def test_sent_back_it_is_a_draft_with_the_reason_and_has_to_be_asked_for_anew(
    asked: Campaign, owner: User, asker: User
) -> None:
    with pytest.raises(BadInput):
        services.send_back_campaign(campaign=asked, by=owner, reason=" ")
    back = services.send_back_campaign(campaign=asked, by=owner, reason="Leave out last month's buyers")
    assert (back.state, back.body, back.approval_asked_by) == ("draft", "", None)
    assert "Leave out last month's buyers" in back.approval_reason
    assert not Link.objects.exists()
    again = services.launch_campaign(campaign=back, by=owner)
    assert (again.state, again.approval_asked_by) == ("approval", owner)
    assert services.approve_campaign(campaign=again, by=asker).state == "scheduled"


def test_an_edit_after_the_approval_needs_a_new_one(asked: Campaign, owner: User, asker: User) -> None:
    services.approve_campaign(campaign=asked, by=owner)
    campaign = services.unschedule_campaign(campaign=asked, by=asker)
    assert campaign.approved_by is None
    assert services.launch_campaign(campaign=campaign, by=asker).state == "approval"


def test_what_waits_may_be_cancelled(asked: Campaign) -> None:
    assert services.cancel_campaign(campaign=asked, by=None).state == "cancelled"


def test_home_shows_what_waits_for_me_and_nobody_elses(
    client: Client, asked: Campaign, asker: User, owner: User
) -> None:
    make_campaign(
        make_shop("uk", currency="GBP", book="GBP"), name="Elsewhere", state="approval", approval_asked_by=asker
    )

    def seen_by(user: User) -> str:
        client.force_login(user)
        return client.get(reverse("campaigns:today_panel"), {"book": asked.shop.book}).content.decode()

    assert book_of("GBP") is not None
    assert asked.name in seen_by(owner)
    assert "Elsewhere" not in seen_by(owner)
    assert asked.name not in seen_by(asker)
    assert asked.name not in seen_by(make_user("specialist"))


def test_the_page_gives_the_decision_to_who_may_take_it(
    client: Client, asked: Campaign, asker: User, owner: User
) -> None:
    page, approve = reverse("campaigns:detail", args=[asked.pk]), reverse("campaigns:approve", args=[asked.pk])
    client.force_login(asker)
    assert approve not in client.get(page).content.decode()
    client.post(approve)
    asked.refresh_from_db()
    assert asked.state == "approval"
    client.force_login(make_user("specialist"))
    assert client.post(approve).status_code == 403
    client.force_login(owner)
    shown = client.get(page).content.decode()
    assert approve in shown
    assert "3 customers, more than 2." in shown
    client.post(approve)
    asked.refresh_from_db()
    assert asked.state == "scheduled"


def test_machines_are_told_why_and_may_not_be_their_own_second_person(
    client: Client, provider: Provider, shop: Shop, asker: User, owner: User
) -> None:
    ruling.set_limits(by=None, approve_above_people=2)
    campaign = draft(shop=shop)

    def call(verb: str, user: User) -> tuple[int, str]:
        token = make_token("campaigns:send", user=user)
        answer = client.post(
            f"/api/v1/campaigns/{campaign.pk}/{verb}",
            {},
            "application/json",
            headers={"authorization": f"Bearer {token}"},
        )
        return answer.status_code, answer.json().get("state") or answer.json()["errors"][0]["code"]

    assert call("schedule", asker) == (409, "approval_needed")
    assert call("schedule", asker)[0] == 409
    assert call("approve", asker) == (409, "same_person")
    assert call("approve", make_user("specialist"))[0] == 403
    assert call("approve", owner) == (200, "scheduled")


def test_a_planned_campaign_waits_as_well(client: Client, provider: Provider, shop: Shop, asker: User) -> None:
    ruling.set_limits(by=None, approve_above_people=2)
    text = draft(shop=shop)
    entry = make_entry(shop, "2026-11-20", segment=text.segment, template=text.template)
    client.force_login(asker)
    client.post(reverse("campaigns:entry_launch", args=[entry.pk]))
    assert Campaign.objects.get(plan_entry=entry).state == "approval"
