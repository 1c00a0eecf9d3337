"""The pages of campaigns, as people with different roles find them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, PlanEntry
from crm_suite.access.models import AuditEvent
from customers.models import CustomerFacts, Shop
from segmentation.models import Segment
from tests.builders import (
    make_campaign,
    make_consent,
    make_customer,
    make_entry,
    make_facts,
    make_message,
    make_purchase,
    make_response,
    make_segment,
    make_shop,
    make_template,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 11, 7, tzinfo=UTC)  # three in the afternoon in Shanghai
START = datetime(2026, 11, 2, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def afternoon() -> object:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall", email_from="shop@example.com")


@pytest.fixture
def owner(as_role: Callable[[str], Client]) -> Client:
    return as_role("owner")


@pytest.fixture
def buyers(shop: Shop) -> Segment:
    """Three reachable buyers, one without consent, one without an address."""
    for name in ("Li Lei", "Han Mei", "Wang Wei"):
        customer = make_customer(name, email=f"{name.split()[0].lower()}@example.com")
        make_facts(customer, orders=2, email_ok=True)
        make_consent(customer, "email")
    make_facts(make_customer("No consent", email="no@example.com"), orders=1)
    make_facts(make_customer("No address"), orders=1)
    make_facts(make_customer("Never bought", email="never@example.com"), orders=0)
    return make_segment("Buyers")


@pytest.fixture
def sent(shop: Shop, buyers: Segment) -> Campaign:
    """Two got it, one clicked and bought; one was held out; one had not consented."""
    campaign = make_campaign(
        shop, name="Double 11 return visit", segment=buyers, segment_name="Buyers", state="finished",
        started_at=START, finished_at=START, scheduled_at=START, body="Hello", unplanned_reason="Asked for",
    )  # fmt: skip
    li, han, wang, no, _address, _never = [facts.customer for facts in _everybody()]
    make_response(make_message(campaign, li, masked_address="l***@example.com"))
    make_message(campaign, han)
    make_message(campaign, wang, "held_out")
    make_message(campaign, no, "skipped", reason="no_consent", claims=0)
    make_purchase(li, shop, "2026-11-03")
    return campaign


def _everybody() -> list:  # type: ignore[type-arg]
    return list(CustomerFacts.objects.select_related("customer").order_by("customer"))


def page(client: Client, name: str, *args: object, **query: str) -> str:
    answer = client.get(reverse(f"campaigns:{name}", args=args), query)
    assert answer.status_code == 200, (name, answer.status_code)
    return unwrapped(answer.content)


def unwrapped(markup: bytes) -> str:
    """The markup on one line: where it is broken says nothing."""
    text = re.sub(r"\s+", " ", markup.decode())
    return re.sub(r"(?<=>) | (?=[<>])", "", text)


def test_the_calendar_shows_plan_festival_and_adherence(owner: Client, shop: Shop) -> None:
    make_entry(shop, "2026-11-12", title="Return visit", channel="sms", expected_size=12_000)
    make_entry(shop, "2026-12-01", title="December")
    shown = page(owner, "calendar", month="2026-11")
    assert "Return visit" in shown
    assert "Double 11 · burst" in shown
    assert "Plan adherence" in shown
    assert "December" not in shown.split("agenda")[-1]


def test_a_calendar_without_any_shop_points_to_the_way_to_one(owner: Client) -> None:
    assert reverse("customers:shop_new") in page(owner, "calendar")


def test_nonsense_for_a_month_shows_the_present_one(owner: Client, shop: Shop) -> None:
    assert 'aria-label="November 2026"' in page(owner, "calendar", month="<script>")


def test_planning_on_a_day_starts_with_that_day(owner: Client, shop: Shop) -> None:
    assert 'value="2026-11-23"' in page(owner, "entry_new", day="2026-11-23")
    assert 'value="2026-11-11"' in page(owner, "entry_new", day="2026-01-01")


def test_an_entry_is_planned_and_one_for_yesterday_is_refused_at_its_field(owner: Client, shop: Shop) -> None:
    fields = {"title": "VIP", "shop": shop.pk, "day": "2026-11-20", "time": "10:00", "channel": "email"}
    answer = owner.post(reverse("campaigns:entry_new"), fields)
    assert answer.headers["Location"] == reverse("campaigns:calendar") + "?month=2026-11"
    late = owner.post(reverse("campaigns:entry_new"), fields | {"day": "2026-11-10"})
    assert "today or later" in late.content.decode()
    assert PlanEntry.objects.count() == 1


def test_an_sms_entry_with_an_email_template_is_refused(owner: Client, shop: Shop) -> None:
    fields = {"title": "VIP", "shop": shop.pk, "day": "2026-11-20", "time": "10:00", "channel": "sms"}
    answer = owner.post(reverse("campaigns:entry_new"), fields | {"template": make_template().pk})
    assert "another channel" in answer.content.decode()
    assert not PlanEntry.objects.exists()


def test_a_move_can_be_undone_once(owner: Client, shop: Shop) -> None:
    entry = make_entry(shop, "2026-11-20", title="Movable")
    owner.post(reverse("campaigns:entry_move", args=[entry.pk]), {"day": "2026-11-25"})
    shown = page(owner, "calendar", month="2026-11")
    assert "“Movable” stood on 2026-11-20 before" in shown
    assert "stood on" not in page(owner, "calendar", month="2026-11")
    owner.post(reverse("campaigns:entry_move", args=[entry.pk]), {"day": "2026-11-20", "undo": "1"})
    entry.refresh_from_db()
    assert str(entry.day) == "2026-11-20"


def test_an_entry_of_another_store_cannot_be_moved_from_here(owner: Client, shop: Shop) -> None:
    make_facts(make_customer())
    entry = make_entry(make_shop("uk", currency="GBP"), "2026-11-20")
    answer = owner.post(reverse("campaigns:entry_move", args=[entry.pk]), {"day": "2026-11-25"})
    assert answer.status_code == 404


def test_an_entry_says_what_a_launch_would_do(owner: Client, shop: Shop, buyers: Segment) -> None:
    entry = make_entry(shop, "2026-11-20", title="Ready", segment=buyers, template=make_template())
    assert reverse("campaigns:entry_panel", args=[entry.pk]) in page(owner, "entry", entry.pk)
    shown = page(owner, "entry_panel", entry.pk)
    assert "Schedule for 3 customers" in shown
    assert "No consent" in shown
    unready = make_entry(shop, "2026-11-20", segment=buyers)
    assert "Schedule for" not in page(owner, "entry_panel", unready.pk)


def test_a_skipped_entry_shows_why(owner: Client, shop: Shop) -> None:
    entry = make_entry(shop, "2026-11-20")
    owner.post(reverse("campaigns:entry_skip", args=[entry.pk]), {"reason": "sold out"})
    assert "sold out" in page(owner, "entry", entry.pk)


def test_the_list_shows_response_and_uplift_and_filters(owner: Client, shop: Shop, sent: Campaign) -> None:
    make_campaign(shop, name="A draft by SMS", channel="sms")
    shown = page(owner, "list")
    assert "50.0%" in shown  # one of two delivered answered
    assert "A draft by SMS" in shown
    assert "A draft by SMS" not in page(owner, "list", state="finished")
    assert "No campaign matches" in page(owner, "list", q="nothing like this")


def test_an_empty_list_leads_to_the_calendar(owner: Client, shop: Shop) -> None:
    assert "No campaigns yet" in page(owner, "list")


def test_a_campaign_outside_the_plan_needs_a_reason(owner: Client, shop: Shop, buyers: Segment) -> None:
    fields = {"name": "Panic", "shop": shop.pk, "segment": buyers.pk, "unplanned_reason": ""}
    assert owner.post(reverse("campaigns:new"), fields).status_code == 200
    assert not Campaign.objects.exists()
    answer = owner.post(reverse("campaigns:new"), fields | {"unplanned_reason": "Sales fell"})
    campaign = Campaign.objects.get()
    assert answer.headers["Location"] == reverse("campaigns:step", args=[campaign.pk, "channel"])
    assert (campaign.state, campaign.unplanned_reason) == ("draft", "Sales fell")


def test_the_review_counts_while_the_choices_are_made(owner: Client, shop: Shop, buyers: Segment) -> None:
    fields = {"shop": shop.pk, "segment": buyers.pk, "channel": "email", "holdout_percent": "34"}
    shown = unwrapped(owner.post(reverse("campaigns:review"), fields).content)
    assert "Audience</dt><dd>5</dd>" in shown
    assert "No consent</dt><dd>1</dd>" in shown
    assert "No usable address</dt><dd>1</dd>" in shown
    assert "<b>2</b>" in shown
    assert "Nobody is in this segment" in owner.post(reverse("campaigns:review"), {}).content.decode()


def test_without_a_holdout_the_review_warns(owner: Client, shop: Shop, buyers: Segment) -> None:
    fields = {"shop": shop.pk, "segment": buyers.pk, "channel": "email", "holdout_percent": "0"}
    assert "Without a holdout nobody will know" in owner.post(reverse("campaigns:review"), fields).content.decode()


def test_a_draft_is_checked_before_the_launch_with_masked_names(owner: Client, shop: Shop, buyers: Segment) -> None:
    template = make_template(body="Hi {{ name }}, see https://shop.example/sale")
    draft = make_campaign(shop, segment=buyers, template=template, unplanned_reason="x", holdout_percent=0)
    panel = reverse("campaigns:launch_panel", args=[draft.pk]) + "?at=2026-11-12T10:00"
    assert panel in page(owner, "detail", draft.pk, at="2026-11-12T10:00")
    shown = owner.get(panel).content.decode()
    assert "Send to 3 customers" in shown
    assert "https://shop.example/sale" in shown
    assert "L***" in shown
    assert "Li Lei" not in shown
    assert 'value="2026-11-12T10:00"' in shown


def test_a_broken_text_cannot_be_launched_from_the_page(owner: Client, shop: Shop, buyers: Segment) -> None:
    draft = make_campaign(shop, segment=buyers, template=make_template(body="Hi {{ nmae }}"), unplanned_reason="x")
    shown = page(owner, "launch_panel", draft.pk)
    assert "There is no merge field “nmae”" in shown
    assert "disabled>Send to" in shown


def test_launching_for_a_moment_means_the_shops_clock(
    owner: Client, shop: Shop, buyers: Segment, settings: object
) -> None:
    settings.SMTP_URL = "smtp://127.0.0.1:1"  # type: ignore[attr-defined]
    draft = make_campaign(shop, segment=buyers, template=make_template(), unplanned_reason="x")
    owner.post(reverse("campaigns:launch", args=[draft.pk]), {"at": "2026-11-10T10:00"})
    draft.refresh_from_db()
    assert draft.state == "draft"  # that moment has passed
    owner.post(reverse("campaigns:launch", args=[draft.pk]), {"at": "2026-11-12T10:00"})
    draft.refresh_from_db()
    assert (draft.state, draft.scheduled_at) == ("scheduled", datetime(2026, 11, 12, 2, tzinfo=UTC))
    assert "Starts 2026-11-12 10:00" in page(owner, "detail", draft.pk)


def test_the_monitor_counts_by_state_and_reason(owner: Client, sent: Campaign) -> None:
    shown = page(owner, "progress_panel", sent.pk)
    assert "2 of 2 done" in shown
    assert "?reason=no_consent" in shown
    assert "hx-get" not in shown  # finished: it asks no more
    sent.state = "running"
    sent.save()
    assert "every 2s" in page(owner, "progress_panel", sent.pk)


def test_recipients_are_filtered_and_exported_masked(owner: Client, sent: Campaign) -> None:
    assert "l***@example.com" in page(owner, "recipients", sent.pk)
    assert "Li Lei" not in page(owner, "recipients", sent.pk, arm="holdout")
    answer = owner.get(reverse("campaigns:recipients_export", args=[sent.pk]), {"state": "skipped"})
    lines = b"".join(answer).decode().splitlines()
    exported = AuditEvent.objects.get(action="campaign.export")
    assert (exported.target, exported.changes) == (f"campaign:{sent.pk}", {"filter": "state=skipped"})
    assert len(lines) == 2
    assert "No consent" in lines[1]


def test_the_report_says_what_may_be_said(owner: Client, sent: Campaign) -> None:
    shown = page(owner, "report", sent.pk)
    assert "Cannot tell: needs about" in shown
    assert "50.00%" in shown
    assert "The window of 7 days closed 2026-11-09 10:00" in shown
    exported = b"".join(owner.get(reverse("campaigns:report_export", args=[sent.pk])))
    assert "Holdout,1" in exported.decode()


def test_a_campaign_that_has_not_started_has_no_report(owner: Client, shop: Shop) -> None:
    draft = make_campaign(shop)
    answer = owner.get(reverse("campaigns:report", args=[draft.pk]))
    assert answer.headers["Location"] == reverse("campaigns:detail", args=[draft.pk])


def test_the_panels_of_home_and_customer(owner: Client, shop: Shop, sent: Campaign) -> None:
    make_entry(shop, "2026-11-12", title="Tomorrow's")
    make_entry(shop, "2026-11-30", title="Far away")
    today = page(owner, "today_panel")
    assert "Tomorrow&#x27;s" in today
    assert "Far away" not in today
    assert "Double 11 return visit" in page(owner, "last_panel")
    li, _han, wang = [facts.customer_id for facts in _everybody()][:3]
    assert "clicked" in page(owner, "customer_panel", li)
    assert "Held out" in page(owner, "customer_panel", wang)


def test_the_channels_page_says_when_nobody_real_is_written_to(owner: Client, shop: Shop, settings: object) -> None:
    settings.SMTP_URL, settings.SMS_URL, settings.SIMULATOR_URL = "", "", ""  # type: ignore[attr-defined]
    assert "not connected" in page(owner, "channels")
    settings.SMTP_URL = "smtp://user:secret@127.0.0.1:1"  # type: ignore[attr-defined]
    settings.SIMULATOR_URL = "http://127.0.0.1:2/"  # type: ignore[attr-defined]
    assert "Nobody real is written to" not in page(owner, "channels")  # a mail relay of this machine, maybe
    settings.SIMULATED_CHANNELS = ["email"]  # type: ignore[attr-defined]
    shown = page(owner, "channels")
    assert "Nobody real is written to" in shown
    assert "secret" not in shown
    answer = owner.post(reverse("campaigns:channel_test"), {"channel": "email"}, follow=True)
    assert "does not answer" in answer.content.decode()


@pytest.mark.parametrize(
    ("role", "name", "status"),
    [
        ("analyst", "list", 200),
        ("analyst", "calendar", 200),
        ("analyst", "new", 403),
        ("analyst", "entry_new", 403),
        ("agent", "list", 403),
        ("agent", "calendar", 403),
        ("operator", "channels", 403),
        ("specialist", "new", 200),
    ],
)
def test_who_may_open_what(as_role: Callable[[str], Client], shop: Shop, role: str, name: str, status: int) -> None:
    assert as_role(role).get(reverse(f"campaigns:{name}")).status_code == status


def test_an_analyst_sees_no_button_that_they_may_not_press(as_role: Callable[[str], Client], sent: Campaign) -> None:
    sent.state = "running"
    sent.save()
    shown = page(as_role("analyst"), "detail", sent.pk)
    assert reverse("campaigns:pause", args=[sent.pk]) not in shown
    assert as_role("analyst").post(reverse("campaigns:pause", args=[sent.pk])).status_code == 403


def test_the_list_asks_the_database_as_often_for_ten_campaigns_as_for_one(
    owner: Client, shop: Shop, sent: Campaign, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    page(owner, "list")
    for number in range(10):
        make_campaign(shop, state="finished", started_at=START + timedelta(hours=number), unit_price=Decimal(1))
    with django_assert_max_num_queries(25):  # type: ignore[attr-defined]
        page(owner, "list")
