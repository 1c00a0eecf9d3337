"""The ledger, one copy's story, and sending to those who definitely got nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campaigns import services
from campaigns.delivery import run
from campaigns.delivery.touch import record_sent
from campaigns.models import Attempt, Campaign, Message, Provider, ProviderEvent
from campaigns.running.rests import Missed, missed_counts
from crm_suite.access.models import AuditEvent
from crm_suite.lib.digests import address_digest
from crm_suite.lib.errors import BadInput, WrongState
from customers.models import Customer, Shop
from tests.builders import (
    make_campaign,
    make_message,
    make_response,
    make_segment,
    make_template,
    make_token,
    make_user,
)
from tests.campaigns.delivery_cast import fates, reachable, small_shop
from tests.campaigns.provider import Provider as Stub
from tests.plans import walks

pytestmark = pytest.mark.django_db

#: Everything that can become of a copy, by the name of the one to whom it happened.
FATES: dict[str, tuple[str, str]] = {
    "Delivered": ("delivered", ""),
    "Accepted": ("accepted", ""),
    "Bounced late": ("undelivered", "bounced"),
    "In doubt": ("unknown", "no_answer"),
    "Doubt for good": ("unresolved", "no_answer"),
    "Held out": ("held_out", ""),
    "Refused": ("failed", "provider_refused"),
    "Too late": ("expired", "send_window"),
    "Stopped": ("cancelled", ""),
    "Capped": ("skipped", "frequency_cap"),
    "Night": ("skipped", "quiet_hours"),
    "Opted out": ("skipped", "suppressed"),
    "Silent": ("skipped", "no_consent"),
}
NEVER_GOT_IT = {"Refused", "Too late", "Stopped", "Capped", "Night"}


@pytest.fixture
def shop() -> Shop:
    return small_shop()


def ended(shop: Shop, **fields: Any) -> Campaign:
    template, segment = make_template(), make_segment(rule={"all": []})
    moment = timezone.now() - timedelta(hours=2)
    given = {"state": "finished", "started_at": moment, "finished_at": moment, "unplanned_reason": "x", **fields}
    return make_campaign(shop, template=template, segment=segment, audience_size=len(FATES), **given)


@pytest.fixture
def parent(shop: Shop) -> Campaign:
    campaign = ended(shop)
    for name, (state, reason) in FATES.items():
        make_message(campaign, reachable(name), state, reason=reason)
    return campaign


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(make_user("owner"))
    return client


def names(campaign: Campaign) -> set[str]:
    return set(campaign.messages.values_list("customer__name", flat=True))


def everything(campaign: Campaign) -> Campaign:
    return services.make_rest(campaign=campaign, classes=Missed.values, by=None)


def sent(rest: Campaign) -> Campaign:
    services.launch_campaign(campaign=rest, by=None)
    run.prepare(campaign_id=rest.pk)
    run.deliver(campaign_id=rest.pk, lanes=1)
    rest.refresh_from_db()
    return rest


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_the_rest_is_exactly_who_definitely_got_nothing(parent: Campaign, provider: Stub) -> None:
    rest = everything(parent)
    rest.holdout_percent = 0  # everybody who may have it, for this test
    rest.save()
    assert names(sent(rest)) == NEVER_GOT_IT
    assert set(fates(rest).values()) == {("accepted", "")}


def test_only_the_chosen_reasons_are_in_it(parent: Campaign) -> None:
    rest = services.make_rest(campaign=parent, classes=["failed", "frequency_cap"], by=None)
    assert rest.segment is not None
    members = Customer.objects.filter(pk__in=rest.segment.members.values("customer"))
    assert set(members.values_list("name", flat=True)) == {"Refused", "Capped"}
    assert rest.segment.archived_at is not None  # in no list of segments
    event = AuditEvent.objects.get(action="campaign.rest")
    assert (event.changes["people"], event.changes["of"]) == (2, parent.pk)
    with pytest.raises(BadInput):
        services.make_rest(campaign=ended(parent.shop), classes=["delivered"], by=None)


def test_a_failure_that_was_handed_over_before_is_no_definite_one(shop: Shop) -> None:
    campaign = ended(shop)
    make_message(campaign, reachable("Poison"), "failed", reason="poison", sent_at=timezone.now())
    with pytest.raises(BadInput) as refused:
        everything(campaign)
    assert refused.value.code == "nobody"


def test_who_was_drawn_stays_drawn(shop: Shop, provider: Stub) -> None:
    parent = ended(shop, holdout_percent=50)
    for number in range(60):
        make_message(parent, reachable(f"Refused {number}"), "failed", reason="provider_refused")
    rest = everything(parent)
    assert (rest.salt, rest.holdout_percent) == (parent.salt, 50)
    with pytest.raises(BadInput):
        services.change_draft(campaign=rest, by=None, holdout_percent=0)
    with pytest.raises(BadInput):
        services.change_draft(campaign=rest, by=None, segment=parent.segment)
    services.change_draft(campaign=rest, by=None, name="Second try", holdout_percent=50)


def test_there_is_one_rest_at_a_time_and_nobody_gets_it_twice(parent: Campaign, provider: Stub) -> None:
    first = everything(parent)
    with pytest.raises(WrongState) as refused:
        everything(parent)
    assert refused.value.code == "rest_open"
    first.holdout_percent = 0
    first.save()
    sent(first)
    assert missed_counts(parent) == {}
    with pytest.raises(BadInput):
        everything(parent)


def test_what_the_rest_missed_again_can_be_sent_by_either_way_but_once(parent: Campaign, provider: Stub) -> None:
    first = everything(parent)
    services.cancel_campaign(campaign=first, by=None)
    assert sum(missed_counts(parent).values()) == len(NEVER_GOT_IT)
    second = everything(parent)
    Campaign.objects.filter(pk=second.pk).update(state="finished", started_at=timezone.now())
    for name in NEVER_GOT_IT:
        state = "failed" if name == "Refused" else "unknown"
        make_message(second, Customer.objects.get(name=name), state, reason="x", sent_at=None)
    second.refresh_from_db()
    assert missed_counts(second) == {Missed.FAILED: 1}
    assert missed_counts(parent) == {Missed.FAILED: 1}


def test_a_campaign_under_way_has_no_rest_yet(parent: Campaign) -> None:
    for state in ("preparing", "running", "paused"):
        Campaign.objects.filter(pk=parent.pk).update(state=state)
        with pytest.raises(WrongState):
            everything(parent)


def test_a_copy_of_a_rest_chooses_its_audience_anew(parent: Campaign) -> None:
    copy = services.clone_campaign(campaign=everything(parent), by=None)
    assert (copy.segment, copy.rest_of) == (None, None)


def test_the_page_makes_the_draft(owner: Client, parent: Campaign) -> None:
    page = owner.get(reverse("campaigns:recipients", args=[parent.pk])).content.decode()
    assert 'value="frequency_cap"' in page
    owner.post(reverse("campaigns:rest", args=[parent.pk]), {"classes": ["failed"]})
    rest = Campaign.objects.get(rest_of=parent)
    step = owner.get(reverse("campaigns:step", args=[rest.pk, "audience"])).content.decode()
    assert "definitely did not get it" in step
    assert 'name="segment"' not in step


# --- the ledger -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "failed"}, {"Refused"}),
        ({"reason": "no_answer"}, {"In doubt", "Doubt for good"}),
        ({"arm": "holdout"}, {"Held out"}),
        ({"q": "Night"}, {"Night"}),
        ({"q": "nobody@shop.example"}, set()),
        ({"q": "Night", "state": "failed"}, set()),
    ],
)
def test_the_ledger_is_filtered_and_exported_alike(
    owner: Client, parent: Campaign, query: dict[str, str], found: set[str]
) -> None:
    page = owner.get(reverse("campaigns:recipients", args=[parent.pk]), query)
    assert {row.customer.name for row in page.context["listing"].rows} == found
    lines = b"".join(owner.get(reverse("campaigns:recipients_export", args=[parent.pk]), query)).decode().splitlines()
    assert len(lines) - 1 == len(found)


def test_an_address_is_found_although_the_customer_has_another_one_now(owner: Client, parent: Campaign) -> None:
    moved = parent.messages.get(customer__name="Delivered")
    Message.objects.filter(pk=moved.pk).update(address_digest=address_digest("old@shop.example"))
    page = owner.get(reverse("campaigns:recipients", args=[parent.pk]), {"q": "OLD@shop.example"})
    assert [row.pk for row in page.context["listing"].rows] == [moved.pk]


def test_a_page_of_the_ledger_walks_an_index(owner: Client, parent: Campaign) -> None:
    for _number in range(120):
        make_message(parent, reachable(), "delivered")
    make_message(ended(parent.shop), reachable("Stranger"), "failed", reason="x")
    address = {"q": Customer.objects.get(name="Refused").email}
    for query in ({}, {"state": "failed"}, address):
        with CaptureQueriesContext(connection) as queries:
            owner.get(reverse("campaigns:recipients", args=[parent.pk]), query)
        rows = [q["sql"] for q in queries if 'FROM "campaigns_message"' in q["sql"] and "LIMIT 51" in q["sql"]]
        assert rows
        assert [walk for sql in rows for walk in walks(sql) if "campaigns_message" in walk] == []


def test_one_copy_tells_its_whole_story(owner: Client, parent: Campaign) -> None:
    message = parent.messages.get(customer__name="Delivered")
    Message.objects.filter(pk=message.pk).update(provider="relay", provider_message_id="sm-77")
    Attempt.objects.create(
        message=message, attempt_no=1, outcome="retry", detail="busy, come back", finished_at=timezone.now()
    )
    relay = Provider.objects.create(code="relay", name="Relay", channel="email", kind="smtp")
    other = Provider.objects.create(code="other", name="Other", channel="email", kind="smtp")
    for provider in (relay, other):
        ProviderEvent.objects.create(
            provider=provider, event_id="1", kind="delivered", reference="sm-77", outcome=f"heard by {provider.name}"
        )  # fmt: skip
    make_response(message)
    record_sent(message_ids=[message.pk])
    shown = owner.get(reverse("campaigns:recipient", args=[parent.pk, message.pk])).content.decode()
    for words in ("busy, come back", "heard by Relay", "Click", "timeline", "sm-77"):
        assert words in shown
    assert "heard by Other" not in shown
    elsewhere = ended(parent.shop)
    assert owner.get(reverse("campaigns:recipient", args=[elsewhere.pk, message.pk])).status_code == 404


def test_the_api_has_the_same_ledger_and_rest(client: Client, parent: Campaign) -> None:
    token = make_token("campaigns:read", "campaigns:write")
    headers = {"authorization": f"Bearer {token}"}
    url = f"/api/v1/campaigns/{parent.pk}"
    get: Callable[[str], Any] = lambda query: client.get(f"{url}/recipients{query}", headers=headers).json()  # noqa: E731
    assert [row["state"] for row in get("?state=failed")["results"]] == ["failed"]
    first = get("?limit=5")
    assert len(first["results"]) == 5
    seen = {row["id"] for row in first["results"]}
    following = client.get(first["next"], headers=headers).json()["results"]
    assert len(following) == 5
    assert not seen & {row["id"] for row in following}
    made = client.post(f"{url}/rest", {"classes": ["failed", "expired"]}, "application/json", headers=headers)
    assert (made.status_code, made.json()["state"], made.json()["rest_of"]) == (201, "draft", parent.pk)
    again = client.post(f"{url}/rest", {"classes": ["failed"]}, "application/json", headers=headers)
    assert again.status_code == 409
