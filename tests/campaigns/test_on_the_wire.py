"""What leaves the house, as it leaves it: one mail, and one SMS through each vendor's adapter, of campaigns.

`make test ARGS="tests/campaigns/test_on_the_wire.py -n0 -s"` prints them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote_plus

import pytest
from pytest_django.fixtures import Settings

from campaigns.models import Provider as ProviderRow
from campaigns.providers import accounts
from tests.campaigns.delivery_cast import daylight_zone, deliver, prepared, reachable, small_shop
from tests.campaigns.provider import Provider
from tests.campaigns.vendor import Asked, Vendor

pytestmark = pytest.mark.django_db(transaction=True)

#: Headers that every HTTP client writes.
QUIET = {"user-agent", "accept", "accept-encoding", "connection", "content-length"}
BODY = "您好{{ name }},新品已到店,本周外套八折。"
APPROVED = "您好${name},新品已到店,本周外套八折。"
WORDS = "您好{1},新品已到店,本周外套八折。"
LETTER = """# New for you, {{ name | default: 'friend' }}

Wool coats in three colours, **a fifth off** until Sunday.

[Look at the coats](https://shop.example/coats)
"""


@dataclass(frozen=True)
class Way:
    """A vendor: settings and secrets of the account, and what it says to one message."""

    settings: Mapping[str, str]
    hidden: Mapping[str, str]
    answer: Any


WAYS: dict[str, Way] = {
    "http": Way(
        {"idempotency": "key", "batch_size": "20"}, {},
        lambda asked: (200, {"results": [{"reference": asked.json["messages"][0]["reference"], "status": "accepted"}]}),
    ),
    "aliyun": Way(
        {"key_id": "LTAI", "sign_name": "小店", "template_code": "SMS_1", "template_text": APPROVED,
         "ending": "拒收请回复R"},
        {"key_secret": "invented"}, (200, {"Code": "OK", "Message": "OK", "BizId": "900^0", "RequestId": "F6"}),
    ),
    "tencent": Way(
        {"key_id": "AKID", "app_id": "1400006666", "sign_name": "小店", "template_code": "1110", "template_text": WORDS,
         "ending": "拒收请回复R"},
        {"key_secret": "invented"},
        (200, {"Response": {"SendStatusSet": [{"SerialNo": "5000:1", "PhoneNumber": "+8613800138000", "Code": "Ok",
                                               "Fee": 1}], "RequestId": "a0"}}),
    ),
    "twilio": Way(
        {"account_sid": "AC1", "sender": "MG1"}, {"auth_token": "invented"},
        (201, {"sid": "SM9", "status": "queued", "error_code": None}),
    ),
}  # fmt: skip


def test_a_mail_is_a_whole_one_with_both_parts_and_two_ways_out(provider: Provider, settings: Settings) -> None:
    settings.SITE_URL = "https://crm.example.com"
    before = provider.newest()
    reachable("Ann Lee", email="ann@example.com")
    shop = small_shop(code="coats", name="Coats & Co")
    assert deliver(prepared(shop=shop, body=LETTER)).state == "finished"
    (row,) = provider.rows(before)
    raw = row["body"]
    print(f"\n--- mail\n\n{raw}")

    letter = message_from_bytes(raw.encode(), policy=policy.default)
    assert isinstance(letter, EmailMessage) and not letter.defects
    assert (letter["To"].addresses[0].addr_spec, letter["From"].addresses[0].addr_spec) == (
        "ann@example.com", "news@shop.example",
    )  # fmt: skip
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter["List-Unsubscribe"].startswith("<https://crm.example.com/")
    plain, page = letter.get_body(("plain",)), letter.get_body(("html",))
    assert plain is not None and page is not None
    for part in (plain, page):
        assert "New for you, Ann Lee" in part.get_content() and "{{" not in part.get_content()
        assert "https://crm.example.com/" in part.get_content()  # the links, and the way out that people see


@pytest.mark.parametrize("kind", list(WAYS))
def test_an_sms_by_each_vendor(kind: str, vendor: Vendor, provider: Provider) -> None:
    vendor.says(WAYS[kind].answer)
    where = {"url": f"{vendor.url}/sms"} if kind == "http" else {"endpoint": vendor.url}
    account = accounts.add_provider(
        kind=kind, channel="sms", name=kind.title(), settings={**where, **WAYS[kind].settings},
        hidden=WAYS[kind].hidden, by=None,
    )  # fmt: skip
    ProviderRow.objects.update(is_active=False)
    accounts.switch(provider=account, on=True, by=None)
    reachable("李雷", channel="sms", phone="+8613800138000")
    campaign = deliver(prepared(shop=small_shop(timezone=daylight_zone()), channel="sms", body=BODY))
    assert list(campaign.messages.values_list("state", "reason")) == [("accepted", "")]
    (asked,) = vendor.asked
    said = shown(asked)
    print(f"\n--- SMS by {kind}\n\n{said}")
    assert "13800138000" in said and "李雷" in said
    assert "invented" not in said  # the secret signs, it does not travel


def shown(asked: Asked) -> str:
    """A request as a person reads it."""
    query = "".join(f"\n    ?{name}={value}" for name, value in asked.query.items())
    headers = "".join(f"\n{name}: {value}" for name, value in asked.headers.items() if name not in QUIET)
    body = asked.body.decode()
    words = json.dumps(asked.json, ensure_ascii=False, indent=1) if body.startswith("{") else unquote_plus(body)
    return f"{asked.method} {asked.path}{query}{headers}\n\n{words}"
