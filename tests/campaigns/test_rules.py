"""The store's own rules: what holds where nothing is set, what is set, who changed it from what."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import ruling
from campaigns.models import ChannelPolicy, Instance, Message
from campaigns.rules import limits, price_of, rules_of
from crm_suite.access.models import AuditEvent
from crm_suite.lib.errors import BadInput
from tests.builders import make_campaign, make_customer, make_message, make_shop, make_user
from tests.campaigns.test_pages import unwrapped

pytestmark = pytest.mark.django_db

POLICY = {"sms-cap": 5, "sms-cap_days": 30, "sms-quiet_from": "22:00", "sms-quiet_until": "08:00"}


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(make_user("owner"))
    return client


def post(client: Client, name: str, *args: object, **fields: object) -> None:
    answer = client.post(reverse(f"campaigns:{name}", args=args), fields)
    assert answer.status_code == 302, answer.content.decode()


def test_the_page_shows_the_defaults_until_the_store_sets_its_own(owner: Client) -> None:
    make_shop()
    shown = unwrapped(owner.get(reverse("campaigns:rules")).content)
    assert 'name="sms-cap" value="2"' in shown
    assert 'value="21:00"' in shown
    assert "set by you" not in shown
    post(owner, "rules_policy", "sms", **POLICY)
    assert (rules_of("sms").cap, rules_of("sms").window, rules_of("email").cap) == (5, timedelta(days=30), 3)
    assert "set by you" in unwrapped(owner.get(reverse("campaigns:rules")).content)


def test_a_change_is_kept_with_what_stood_there_before(owner: Client) -> None:
    ruling.set_policy(channel="sms", cap=2, cap_days=7, quiet_from=time(22), quiet_until=time(8), by=None)
    AuditEvent.objects.all().delete()
    post(owner, "rules_policy", "sms", **POLICY)
    post(owner, "rules_policy", "sms", **POLICY)  # changes nothing, so nothing is written down
    event = AuditEvent.objects.get()
    assert event.action == "rules.policy"
    assert event.changes == {"cap": [2, 5], "cap_days": [7, 30]}


def test_back_to_the_defaults(owner: Client) -> None:
    post(owner, "rules_policy", "sms", **POLICY)
    post(owner, "rules_policy", "sms", reset="1")
    assert not ChannelPolicy.objects.exists()
    assert rules_of("sms").cap == 2


def test_what_cannot_hold_is_refused_at_its_field(owner: Client) -> None:
    answer = owner.post(reverse("campaigns:rules_policy", args=["sms"]), POLICY | {"sms-cap": 0})
    assert answer.status_code == 200
    assert "is-invalid" in answer.content.decode()
    assert owner.post(reverse("campaigns:rules_policy", args=["pigeon"]), POLICY).status_code == 404
    assert not ChannelPolicy.objects.exists()
    with pytest.raises(BadInput):
        ruling.set_limits(by=None, complaints_warn=Decimal("0.5"), complaints_stop=Decimal("0.1"))


def test_prices_by_currency_and_back_to_the_default(owner: Client) -> None:
    make_shop(currency="GBP")
    assert (price_of(channel="sms", currency="CNY"), price_of(channel="sms", currency="GBP")) == (Decimal("0.05"), None)
    post(owner, "rules_price", "sms", currency="GBP", price="0.0350")
    assert price_of(channel="sms", currency="GBP") == Decimal("0.035")
    assert price_of(channel="email", currency="GBP") is None
    post(owner, "rules_price", "sms", currency="GBP", price="")
    assert price_of(channel="sms", currency="GBP") is None
    assert [event.changes["price"] for event in AuditEvent.objects.filter(action="rules.price").order_by("id")] == [
        [None, "0.0350"],
        ["0.0350", None],
    ]


def test_limits_are_entered_in_percent_and_may_be_empty(owner: Client) -> None:
    shares = {"complaints_warn": "0.1", "complaints_stop": "0.3", "bounces_stop": "5", "guard_from": 500}
    post(owner, "rules_limits", approve_above_people=1000, approve_above_cost="", month_budget="200", **shares)
    stored = limits()
    assert (stored.approve_above_people, stored.approve_above_cost, stored.month_budget) == (1000, None, 200)
    assert (stored.complaints_warn, stored.bounces_stop) == (Decimal("0.001"), Decimal("0.05"))
    wrong = shares | {"complaints_warn": "1"}
    owner.post(reverse("campaigns:rules_limits"), wrong)
    assert limits().complaints_warn == Decimal("0.001")


def test_what_waits_for_a_rule_is_looked_at_again_when_the_rule_changes() -> None:
    running = make_campaign(make_shop(), channel="sms", state="running", started_at=timezone.now())
    later = timezone.now() + timedelta(hours=9)
    quiet = make_message(running, make_customer("Night"), "queued", reason="quiet_hours", due_at=later)
    other = make_message(running, make_customer("Ceiling"), "queued", reason="daily_ceiling", due_at=later)
    ruling.set_policy(channel="sms", cap=2, cap_days=7, quiet_from=time(3), quiet_until=time(4), by=None)
    assert Message.objects.get(pk=quiet.pk).due_at <= timezone.now()
    assert Message.objects.get(pk=other.pk).due_at == later


@pytest.mark.parametrize("role", ["operator", "specialist", "analyst"])
def test_only_an_owner_sets_the_rules(client: Client, role: str) -> None:
    client.force_login(make_user(role))
    assert client.get(reverse("campaigns:rules")).status_code == 403
    assert client.post(reverse("campaigns:rules_limits"), {}).status_code == 403


# --- a copy of another installation -----------------------------------------------------------------------------------


@pytest.fixture
def parked() -> Instance:
    return Instance.objects.create(
        pk=1, fingerprint="elsewhere", parked_at=datetime(2026, 11, 1, tzinfo=UTC), parked_reason="other_database"
    )  # fmt: skip


@pytest.mark.parametrize("page", ["campaigns:list", "campaigns:rules", "pages:system"])
def test_a_parked_installation_says_so_where_people_look(owner: Client, parked: Instance, page: str) -> None:
    make_shop()
    shown = owner.get(reverse(page)).content.decode()
    assert "Nothing is sent" in shown
    assert reverse("campaigns:instance_confirm") in shown


def test_only_an_owner_confirms_and_is_led_back(client: Client, parked: Instance) -> None:
    confirm: Callable[[], int] = lambda: client.post(reverse("campaigns:instance_confirm")).status_code  # noqa: E731
    make_shop()
    client.force_login(make_user("operator"))
    assert "An owner has to confirm" in client.get(reverse("campaigns:list")).content.decode()
    assert confirm() == 403
    assert Instance.objects.filter(parked_at__isnull=False).exists()
    client.force_login(make_user("owner"))
    away = client.post(reverse("campaigns:instance_confirm"), {"next": "https://elsewhere.example/"})
    assert away.headers["Location"] == reverse("campaigns:list")
    assert Instance.objects.get().parked_at is None
    assert "Nothing is sent" not in client.get(reverse("campaigns:list")).content.decode()
