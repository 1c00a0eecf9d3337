"""Providers by row: those of the environment, those of the page, their secrets, and who carries a channel now."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import resolve
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns.channels import is_configured, open_channel, stays_here
from campaigns.channels.base import CanBeChecked, ChannelAdapter, ChannelDown
from campaigns.channels.kinds import Account, HookRefused
from campaigns.channels.opening import account_of
from campaigns.channels.registry import KINDS
from campaigns.channels.smtp import SmtpChannel
from campaigns.models import Provider, ProviderPace
from campaigns.providers import accounts, secrets
from campaigns.providers.connections import connections
from crm_suite.access.models import AuditEvent
from crm_suite.lib.errors import BadInput, WrongState
from customers.models import Shop, Suppression
from customers.services import suppress
from tests.builders import make_campaign, make_customer, make_message
from tests.campaigns.provider import Provider as Simulator
from tests.campaigns.provider_rows import gateway, nothing_named, shop
from tests.campaigns.vendor import Asked, Vendor

__all__ = ["nothing_named", "shop"]

pytestmark = pytest.mark.django_db


# --- the environment --------------------------------------------------------------------------------------------------


def test_the_environment_makes_its_own_rows_and_keeps_them_in_step(settings: Settings) -> None:
    assert accounts.working("email") is None and not Provider.objects.exists()
    settings.SMTP_URL = "smtp://user:secret@mail.example:587"
    row = accounts.working("email")
    assert row is not None and (row.code, row.kind, row.from_environment) == ("smtp", "smtp", True)
    assert "secret" not in json.dumps(row.settings) and bytes(row.secret) == b""
    accounts.block(provider=row, reason="535 wrong password")
    settings.SMTP_URL = "smtp://user:secret@other.example:587"  # elsewhere, so the reason is gone
    again = accounts.working("email")
    assert again is not None and again.pk == row.pk and again.blocked_at is None
    settings.SMTP_URL = ""
    assert accounts.working("email") is None and not is_configured("email")
    assert Provider.objects.count() == 1  # what it carried is still told by its name


def test_an_environment_alone_works_as_before(settings: Settings, provider: Simulator) -> None:
    adapter = open_channel("sms")
    assert (adapter.name, adapter.idempotency, adapter.batch_size) == ("sms", "key", 20)
    adapter.close()
    mail = open_channel("email")
    assert (mail.name, mail.idempotency) == ("smtp", "none")
    mail.close()
    settings.SMS_URL = ""
    with pytest.raises(ChannelDown) as down:
        open_channel("sms")
    assert down.value.code == "not_configured"


def test_looking_twice_writes_nothing(settings: Settings, django_assert_num_queries: Callable[[int], Any]) -> None:
    settings.SMTP_URL = "smtp://mail.example"
    accounts.working("email")
    with django_assert_num_queries(2):
        accounts.working("email")


# --- who carries a channel --------------------------------------------------------------------------------------------


def test_the_first_free_one_carries_the_channel(settings: Settings) -> None:
    settings.SMS_URL = "http://first.example/sms"
    first = accounts.working("sms")
    assert first is not None
    second = gateway()
    assert accounts.working("sms") == first  # a new one stands at the end
    accounts.block(provider=first, reason="no balance")
    assert accounts.working("sms") == second and accounts.working("email") is None
    accounts.switch(provider=second, on=False, by=None)
    assert accounts.working("sms") is None
    with pytest.raises(ChannelDown) as down:
        open_channel("sms")
    assert down.value.code == "provider_blocked" and "no balance" in down.value.message
    assert is_configured("sms")  # somebody has to free it, not to set it up
    accounts.unblock(provider=first, by=None)
    assert accounts.working("sms") == first


def test_order_is_changed_one_place_at_a_time() -> None:
    first, second, third = (gateway(name=name) for name in ("One", "Two", "Three"))
    Provider.objects.update(rank=10)  # as in rows that were never ordered
    accounts.move_up(provider=third, by=None)
    assert [row.name for row in accounts.in_use("sms")] == ["One", "Three", "Two"]
    accounts.move_up(provider=third, by=None)
    accounts.move_up(provider=third, by=None)
    assert accounts.working("sms") == third and first.pk != second.pk


def test_the_simulator_stands_back_for_a_real_one_even_when_that_is_blocked(settings: Settings) -> None:
    settings.SMS_URL, settings.SIMULATED_CHANNELS = "http://127.0.0.1:9/sms", ["sms"]
    simulator = accounts.working("sms")
    assert simulator is not None and simulator.kind == "simulator" and stays_here("sms")
    real = gateway()
    assert accounts.working("sms") == real and not stays_here("sms")
    accounts.block(provider=real, reason="no balance")
    assert accounts.working("sms") is None  # messages wait; the simulator would swallow them
    assert not stays_here("sms")
    accounts.switch(provider=real, on=False, by=None)
    assert accounts.working("sms") == simulator and stays_here("sms")
    assert not stays_here("email")


def test_connections_tell_where_a_channel_leads(settings: Settings) -> None:
    gateway("https://gateway.example/sms")
    email, sms = connections()
    assert (email.is_configured, sms.place, sms.is_simulator) == (False, "https://gateway.example", False)


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_secrets_are_encrypted_and_open_only_with_their_key(settings: Settings) -> None:
    row = gateway(hidden={"header": "Authorization: Bearer abc", "signing_key": ""})
    row.refresh_from_db()
    assert b"abc" not in bytes(row.secret) and account_of(row).secrets == {"header": "Authorization: Bearer abc"}
    settings.SECRET_KEY, old = "another key", settings.SECRET_KEY
    with pytest.raises(secrets.Unreadable):
        account_of(row)
    with pytest.raises(ChannelDown):
        accounts.open_adapter(row)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert account_of(row).secrets["header"] == "Authorization: Bearer abc"


def test_a_secret_is_replaced_alone_and_never_written_down() -> None:
    row = gateway(hidden={"header": "Authorization: Bearer abc", "signing_key": "sign-1"})
    accounts.replace_secrets(provider=row, hidden={"header": "", "signing_key": "sign-2"}, by=None)
    row.refresh_from_db()
    assert account_of(row).secrets == {"header": "Authorization: Bearer abc", "signing_key": "sign-2"}
    record = json.dumps(list(AuditEvent.objects.values("action", "target", "changes")))
    assert "provider.secret" in record and "sign-" not in record and "Bearer" not in record


def test_what_the_environment_says_is_not_changed_here(settings: Settings) -> None:
    settings.SMS_URL = "http://first.example/sms"
    row = accounts.working("sms")
    assert row is not None
    for verb, options in (("change_provider", {"name": "x", "settings": {}}), ("replace_secrets", {"hidden": {}})):
        with pytest.raises(WrongState):
            getattr(accounts, verb)(provider=row, by=None, **options)
    with pytest.raises(WrongState):
        accounts.remove_provider(provider=row, by=None)
    accounts.set_pace(provider=row, pace=accounts.Pace(5, 50, 1000, "Asia/Shanghai"), by=None)
    row.refresh_from_db()
    assert (row.rate, row.burst, row.daily_ceiling) == (5, 50, 1000)


# --- removing ---------------------------------------------------------------------------------------------------------


def test_only_what_never_carried_anything_can_be_removed(shop: Shop) -> None:
    unused, paced, used = gateway(name="One"), gateway(name="Two"), gateway(name="Three")
    ProviderPace.objects.create(provider=paced, filled_at=timezone.now(), day=timezone.now().date(), given=3)
    customer = make_customer("Ann")
    make_message(make_campaign(shop, channel="sms"), customer, provider=used.code)
    for row in (paced, used):
        with pytest.raises(WrongState) as refusal:
            accounts.remove_provider(provider=row, by=None)
        assert refusal.value.code == "has_messages"
    accounts.remove_provider(provider=unused, by=None)
    assert set(Provider.objects.values_list("name", flat=True)) == {"Two", "Three"}
    assert gateway(name="One").code != unused.code  # the name in the ledger does not come back


@pytest.mark.parametrize(("kind", "channel"), [("http", "email"), ("simulator", "sms"), ("pigeon", "sms")])
def test_only_known_kinds_of_the_channel_can_be_added(kind: str, channel: str) -> None:
    with pytest.raises(BadInput):
        gateway(kind=kind, channel=channel)


# --- trying out -------------------------------------------------------------------------------------------------------


def test_a_test_goes_through_this_very_provider_and_frees_it(shop: Shop, vendor: Vendor, settings: Settings) -> None:
    settings.SMS_URL = "http://first.example/sms"  # carries the channel, and is not asked
    row = gateway(vendor.url)
    accounts.block(provider=row, reason="no balance")
    vendor.says((402, b"no balance"))
    with pytest.raises(ChannelDown):
        accounts.send_test(provider=row, address="13800138000", text="", by=None)
    assert accounts.working("sms") != row and not Provider.objects.filter(pk=row.pk, blocked_at=None).exists()
    vendor.says((200, {"results": []}))
    with pytest.raises(ChannelDown):  # it did not say that it took it
        accounts.send_test(provider=row, address="13800138000", text="", by=None)
    vendor.says(_accepted)
    accounts.send_test(provider=row, address="13800138000", text="【小店】hello", by=None)
    assert Provider.objects.filter(pk=row.pk, blocked_at=None).exists()
    assert vendor.asked[-1].json["messages"][0]["text"] == "【小店】hello"
    record = json.dumps(list(AuditEvent.objects.values("action", "changes")))
    assert "provider.test" in record and "138****8000" in record and "13800138000" not in record


def _accepted(asked: Asked) -> tuple[int, object]:
    """Taken, whatever reference it is asked about."""
    return 200, {"results": [{"reference": asked.json["messages"][0]["reference"], "status": "accepted", "id": "g"}]}


def test_a_suppressed_address_gets_no_test(shop: Shop) -> None:
    suppress(channel="sms", address="+8613800138000", reason="unsubscribed", source="test")
    assert Suppression.objects.exists()
    for address, code in (("13800138000", "suppressed"), ("nobody", "bad_address")):
        with pytest.raises(BadInput) as refusal:
            accounts.send_test(provider=gateway(), address=address, text="", by=None)
        assert refusal.value.code == code


# --- news -------------------------------------------------------------------------------------------------------------


def test_the_address_for_news_names_the_provider_and_holds_a_secret_of_its_own(settings: Settings) -> None:
    settings.SMS_URL = "http://first.example/sms"
    ours, other = gateway(name="One"), gateway(name="Two")
    env = accounts.working("sms")
    assert env is not None
    urls = {accounts.hook_url(row) for row in (ours, other, env)}
    assert len(urls) == 3 and all(url.startswith(f"{settings.SITE_URL}/hooks/") for url in urls)
    for row in (ours, other, env):
        path = accounts.hook_url(row).removeprefix(settings.SITE_URL)
        assert row.code in path and resolve(path)
        assert account_of(row).callback == accounts.hook_url(row)
    assert ours.secret not in [url.encode() for url in urls]


def test_news_goes_to_the_adapter_of_its_provider() -> None:
    row = gateway()
    body = json.dumps({"events": [{"type": "receipt", "reference": "r", "status": "delivered"}]}).encode()
    call: dict[str, Any] = {
        "method": "POST",
        "headers": {"Content-Type": "application/json"},
        "query": "",
        "body": body,
    }
    (event,) = accounts.parse_webhook(provider=row, **call)
    assert (event.kind, event.reference) == ("delivered", "r")
    assert accounts.thanks(row) == {}
    assert accounts.thanks(Provider(kind="tencent")) == {"result": 0, "errmsg": "OK"}  # else it comes again
    accounts.replace_secrets(provider=row, hidden={"signing_key": "k"}, by=None)
    with pytest.raises(HookRefused):
        accounts.parse_webhook(provider=row, **call)
    mail = accounts.add_provider(
        kind="smtp", channel="email", name="Mail", settings={"host": "mail.example"}, hidden={}, by=None
    )
    with pytest.raises(HookRefused):
        accounts.parse_webhook(provider=mail, **call)


# --- every kind -------------------------------------------------------------------------------------------------------

COMPLETE = {
    "smtp": {"host": "127.0.0.1", "port": "9"},
    "anymail": {"vendor": "brevo", "api_key": "k"},
    "aliyun": {"key_id": "k", "template_text": "您好${n}。", "sign_name": "小店"},
    "tencent": {"key_id": "k", "template_text": "您好{1}。", "sign_name": "小店"},
    "twilio": {"account_sid": "AC1", "sender": "MG1"},
    "http": {"url": "http://127.0.0.1:9/sms"},
    "simulator": {"url": "http://127.0.0.1:9/sms"},
    "platform": {},
}


@pytest.mark.parametrize("code", KINDS)
def test_every_kind_keeps_its_word(code: str) -> None:
    kind = KINDS[code]
    for channel in kind.channels:
        adapter: ChannelAdapter = kind.open(Account("mine-1", channel, COMPLETE[code]))
        assert adapter.name == "mine-1"
        assert adapter.idempotency in ("key", "lookup", "none") and adapter.batch_size >= 1
        # Opening a mail connection is its test; what is HTTP has to be asked something.
        assert isinstance(adapter, CanBeChecked | SmtpChannel) is kind.can_check
        adapter.close()  # never opened: nothing to regret
    assert kind.parse is None or kind.receipts
    assert len({field.name for field in kind.fields}) == len(kind.fields)
    assert kind.label and kind.text and (not kind.by_hand or kind.fields)
