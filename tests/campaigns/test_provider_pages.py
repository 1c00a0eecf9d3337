"""The pages of providers: added, changed, tried out, switched, removed; secrets never shown."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from campaigns.channels import is_configured
from campaigns.channels.opening import account_of
from campaigns.models import Provider
from campaigns.providers import accounts
from crm_suite.access.models import User
from customers.models import Shop
from tests.campaigns.provider import Provider as Simulator
from tests.campaigns.provider_rows import PASSWORD, gateway, nothing_named, shop

__all__ = ["nothing_named", "shop"]

pytestmark = pytest.mark.django_db


def _add(client: Client, **fields: str) -> Any:
    form = {"name": "Gateway", "url": "https://gateway.example/sms", "idempotency": "key", "batch_size": "5",
            "header": "Authorization: Bearer abc", "password": PASSWORD}  # fmt: skip
    url = reverse("campaigns:provider_add", args=["sms", "http"])
    return client.post(url, form | fields)


def test_a_provider_is_added_on_the_page_and_its_secret_never_shown(as_role: Callable[[str], Client]) -> None:
    owner = as_role("owner")
    assert "HTTP gateway" in owner.get(reverse("campaigns:provider_new")).content.decode()
    assert _add(owner).status_code == 302
    row = Provider.objects.get(channel="sms")
    for name in ("provider", "provider_edit", "provider_secrets"):
        shown = owner.get(reverse(f"campaigns:{name}", args=[row.pk]))
        assert shown.status_code == 200 and "Bearer abc" not in shown.content.decode()
    assert accounts.hook_url(row) in owner.get(reverse("campaigns:provider", args=[row.pk])).content.decode()
    listed = owner.get(reverse("campaigns:channels")).content.decode()
    assert "Gateway" in listed and "switched off" in listed and "not connected" in listed  # e-mail is not
    assert not is_configured("sms")  # nothing goes through it before it was tried out


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "wrong"}, {"password": ""}, {"url": "ftp://gateway.example"}, {"batch_size": "0"}, {"name": ""},
        {"url": "https://shop:secret@gateway.example/"}, {"idempotency": "maybe"},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_on_the_page(as_role: Callable[[str], Client], fields: dict[str, str]) -> None:
    answer = _add(as_role("owner"), **fields)
    assert answer.status_code == 200 and not Provider.objects.exists()
    assert "Bearer abc" not in answer.content.decode()  # nor given back in the form


def test_changing_where_secrets_go_asks_for_the_password(as_role: Callable[[str], Client]) -> None:
    owner, row = as_role("owner"), gateway()
    url = reverse("campaigns:provider_edit", args=[row.pk])
    form = {"name": "Gateway", "url": "https://evil.example/", "idempotency": "key", "batch_size": "5"}
    assert owner.post(url, form | {"password": "wrong"}).status_code == 200
    row.refresh_from_db()
    assert row.settings["url"] == "https://gateway.example/sms"
    assert owner.post(url, form | {"password": PASSWORD}).status_code == 302
    row.refresh_from_db()
    assert row.settings["url"] == "https://evil.example/" and account_of(row).secrets  # and the secrets stayed
    secrets_url = reverse("campaigns:provider_secrets", args=[row.pk])
    assert owner.post(secrets_url, {"signing_key": "k", "password": "wrong"}).status_code == 200
    assert owner.post(secrets_url, {"password": PASSWORD}).status_code == 200  # nothing entered
    assert owner.post(secrets_url, {"signing_key": "k", "password": PASSWORD}).status_code == 302
    row.refresh_from_db()
    assert account_of(row).text("signing_key") == "k"


def test_the_buttons_of_a_provider(as_role: Callable[[str], Client], shop: Shop) -> None:
    owner, row, other = as_role("owner"), gateway(name="One"), gateway(name="Two")

    def press(name: str, provider: Provider = row, **fields: str) -> str:
        answer = owner.post(reverse(f"campaigns:{name}", args=[provider.pk]), fields, follow=True)
        provider.refresh_from_db() if Provider.objects.filter(pk=provider.pk).exists() else None
        return str(answer.content.decode())

    assert "blocked" in press("provider_block", reason="no balance") and row.blocked_reason == "no balance"
    assert "no balance" in owner.get(reverse("campaigns:channels")).content.decode()
    assert "Free again" in press("provider_unblock") and row.blocked_at is None
    assert "Say why" in press("provider_block", reason=" ") and row.blocked_at is None
    press("provider_up", other)
    assert accounts.working("sms") == other
    press("provider_switch", other, on="0")
    assert not other.is_active and accounts.working("sms") == row
    press("provider_pace", rate="2.5", burst="10", daily_ceiling="", timezone="Asia/Shanghai")
    assert (str(row.rate), row.burst, row.timezone) == ("2.50", 10, "Asia/Shanghai")
    assert "not an IANA time zone" in press("provider_pace", rate="", burst="10", timezone="Mars/Phobos")
    assert "does not answer" in press("provider_check", row)
    assert "not a usable address" in press("provider_test", address="nobody", text="")
    press("provider_remove", other)
    assert not Provider.objects.filter(pk=other.pk).exists()


def test_the_simulator_says_that_nobody_gets_the_test(
    as_role: Callable[[str], Client], shop: Shop, provider: Simulator, settings: Settings
) -> None:
    settings.SIMULATED_CHANNELS = ["sms", "email"]
    row = accounts.working("sms")
    assert row is not None
    answer = as_role("owner").post(
        reverse("campaigns:provider_test", args=[row.pk]), {"address": "13800138000", "text": ""}, follow=True
    )
    assert "nobody real gets it" in answer.content.decode()
    assert "小店" in provider.rows()[-1]["body"]


@pytest.mark.parametrize("role", ["operator", "specialist", "analyst", "agent"])
def test_only_owners_see_providers(as_role: Callable[[str], Client], role: str) -> None:
    client, row = as_role(role), gateway()
    for name, arguments in (
        ("channels", []),
        ("provider_new", []),
        ("provider", [row.pk]),
        ("provider_edit", [row.pk]),
    ):
        assert client.get(reverse(f"campaigns:{name}", args=arguments)).status_code == 403
    for name in ("provider_block", "provider_test", "provider_remove", "provider_up", "provider_secrets"):
        assert client.post(reverse(f"campaigns:{name}", args=[row.pk])).status_code == 403
    assert Provider.objects.filter(pk=row.pk, blocked_at=None).exists() and User.objects.exists()


@pytest.mark.parametrize("kind", ["smtp", "anymail"])
def test_rules_about_several_fields_are_kept_on_the_page(as_role: Callable[[str], Client], kind: str) -> None:
    owner, url = as_role("owner"), reverse("campaigns:provider_add", args=["email", kind])
    forms = {
        "smtp": {
            "host": "mail.example",
            "port": "587",
            "security": "starttls",
            "batch_size": "1",
            "dkim_key": "no key",
        },
        "anymail": {"vendor": "mailjet", "api_key": "k"},
    }
    answer = owner.post(url, {"name": "Mail", "password": PASSWORD, **forms[kind]})
    assert answer.status_code == 200 and not Provider.objects.exists()
    assert 'role="alert"' in answer.content.decode()
    better = {"smtp": {"dkim_key": ""}, "anymail": {"api_secret": "s"}}
    answer = owner.post(url, {"name": "Mail", "password": PASSWORD, **forms[kind], **better[kind]})
    assert answer.status_code == 302 and Provider.objects.filter(channel="email").exists()
