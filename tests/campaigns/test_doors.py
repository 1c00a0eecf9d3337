"""Links, the unsubscribe page, replies and receipts: what strangers can do, and what scanners cannot."""

import json
import uuid
from datetime import timedelta
from itertools import permutations

import pytest
from django.test import Client
from django.utils import timezone

from campaigns import tracking
from campaigns.models import Message, Response
from customers.models import Customer, Suppression
from customers.selectors import refusal
from customers.services import lift_suppression, suppress
from tests.builders import make_user
from tests.campaigns.delivery_cast import daylight_zone, deliver, message_to, prepared, reachable, small_shop
from tests.campaigns.provider import Provider
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db

BROWSER = "Mozilla/5.0 (iPhone)"


@pytest.fixture
def ann() -> Customer:
    return reachable("Ann")


@pytest.fixture
def message(provider: Provider, ann: Customer) -> Message:
    """Sent a minute ago."""
    sent = message_to(deliver(prepared(shop=small_shop())), ann)
    Message.objects.filter(pk=sent.pk).update(sent_at=timezone.now() - timedelta(minutes=1))
    return sent


def path(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def click(message: Message, *, position: int = 1, agent: str = BROWSER, method: str = "get") -> object:
    call = getattr(Client(), method)
    return call(path(tracking.click_url(message.token, position)), headers={"User-Agent": agent})


def test_a_click_leads_on_and_is_kept(message: Message) -> None:
    answer = click(message)
    assert (answer.status_code, answer["Location"]) == (302, "https://shop.example/new")  # type: ignore[attr-defined,index]
    click(message)
    assert message.responses.filter(kind="click", suspected_bot=False).count() == 2
    assert Touchpoint.objects.filter(customer=message.customer, kind="message_clicked").count() == 1
    message.refresh_from_db()
    assert message.state == "delivered"


def test_clicks_of_machines_are_kept_apart(message: Message) -> None:
    click(message, agent="Mozilla/5.0 (compatible; Proofpoint scanner)")
    click(message, method="head")
    Message.objects.filter(pk=message.pk).update(sent_at=timezone.now() - timedelta(seconds=2))
    click(message)
    assert list(message.responses.values_list("suspected_bot", flat=True)) == [True, True, True]
    assert not Touchpoint.objects.filter(kind="message_clicked").exists()


@pytest.mark.parametrize("query", ["?url=https://evil.example", "?next=//evil.example", ""])
def test_nothing_in_the_address_says_where_a_link_leads(message: Message, query: str) -> None:
    good = path(tracking.click_url(message.token, 1))
    assert Client().get(good + query)["Location"] == "https://shop.example/new"
    for bad in (path(tracking.click_url(uuid.uuid4(), 1)), path(tracking.click_url(message.token, 2))):
        assert Client().get(bad + query).status_code == 404


def test_a_link_that_is_called_for_ever_does_not_fill_the_table(message: Message) -> None:
    for _number in range(tracking.MAX_CLICKS + 5):
        assert tracking.record_click(token=message.token, position=1, agent=BROWSER) is not None
    assert message.responses.count() == tracking.MAX_CLICKS


def test_looking_at_the_unsubscribe_page_changes_nothing(message: Message, ann: Customer) -> None:
    client = Client()
    for _scan in range(20):
        assert client.get(path(tracking.unsubscribe_url(message.token))).status_code == 200
        assert client.head(path(tracking.unsubscribe_url(message.token))).status_code == 200
    assert refusal(customer_id=ann.pk, channel="email") is None
    page = client.get(path(tracking.unsubscribe_url(message.token))).content.decode()
    assert '<form method="post">' in page and ann.email not in page


@pytest.mark.parametrize("body", ["List-Unsubscribe=One-Click", ""])
def test_posting_unsubscribes_at_once_and_again_is_fine(message: Message, ann: Customer, body: str) -> None:
    client = Client(enforce_csrf_checks=True)
    for _time in range(3):
        answer = client.post(
            path(tracking.unsubscribe_url(message.token)), body, content_type="application/x-www-form-urlencoded"
        )
        assert answer.status_code == 200
        assert not answer.cookies
    assert refusal(customer_id=ann.pk, channel="email") == "suppressed"
    assert ann.consents.filter(channel="email", granted=False).count() == 1
    assert message.responses.filter(kind=Response.Kind.UNSUBSCRIBE).count() == 1


def test_who_leaves_stays_away_when_the_block_of_the_address_is_lifted(message: Message, ann: Customer) -> None:
    block = suppress(channel="email", address=ann.email, reason="bounced")
    Client().post(path(tracking.unsubscribe_url(message.token)))
    lift_suppression(suppression=block, reason="the mailbox was full", by=make_user("owner"))
    assert refusal(customer_id=ann.pk, channel="email") == "no_consent"


def test_the_page_speaks_the_language_of_the_message(message: Message) -> None:
    message.campaign.body = "新品到店"
    message.campaign.save()
    assert 'lang="zh-hans"' in Client().get(path(tracking.unsubscribe_url(message.token))).content.decode()


def test_the_address_that_was_written_to_is_blocked_also_when_the_customer_has_another_by_now(
    message: Message, ann: Customer
) -> None:
    Customer.objects.filter(pk=ann.pk).update(email="ann@new.example")
    heir = reachable("Her old address is somebody else's now", email=ann.email)
    bystander = reachable("Bystander")
    Client().post(path(tracking.unsubscribe_url(message.token)))
    assert refusal(customer_id=ann.pk, channel="email") == "suppressed"
    assert refusal(customer_id=heir.pk, channel="email") == "suppressed"
    assert refusal(customer_id=bystander.pk, channel="email") is None


def test_a_test_message_unsubscribes_nobody_and_a_wrong_token_is_nothing(message: Message) -> None:
    assert Client().post(path(tracking.unsubscribe_url(tracking.NOBODY))).status_code == 200
    assert Client().post(path(tracking.unsubscribe_url(uuid.uuid4()))).status_code == 404
    assert not Suppression.objects.exists()


# --- the SMS provider's hook ------------------------------------------------------------------------------------------


@pytest.fixture
def sms(provider: Provider) -> Message:
    bob = reachable("Bob", channel="sms", phone="+8613912345678")
    return message_to(deliver(prepared(shop=small_shop(timezone=daylight_zone()), channel="sms", body="hi")), bob)


def tell(*events: dict[str, str], secret: str = "") -> int:
    url = f"/hooks/sms/{secret or tracking.hook_secret()}/"
    return Client().post(url, json.dumps({"events": events}), content_type="application/json").status_code


def reply(text: str, number: str = "+8613912345678") -> int:
    return tell({"type": "reply", "id": "e-1", "from": number, "text": text})


@pytest.mark.parametrize(
    "text", ["TD", "td", " T ", "Ｒ", "r", "N", "退订", "退 订", "回复TD", "STOP", "Stop.", "【小店】TD", "ｓｔｏｐ"]
)
def test_answers_that_mean_no_more(sms: Message, text: str) -> None:
    assert reply(text) == 200
    assert refusal(customer_id=sms.customer_id, channel="sms") == "suppressed"


@pytest.mark.parametrize("text", ["Thanks!", "T-shirt in red?", "什么时候发货", "Not today", "R u open", ""])
def test_other_answers_are_only_kept(sms: Message, text: str) -> None:
    assert reply(text) == 200
    assert refusal(customer_id=sms.customer_id, channel="sms") is None
    assert sms.responses.get().data["text"] == text


def test_an_event_that_the_database_cannot_hold_loses_no_opt_out_behind_it(sms: Message) -> None:
    odd = {"type": "reply", "id": "e-0", "from": "+8613912345678", "text": "\x00 \ud83d hi"}
    assert tell(odd, {"type": "reply", "id": "e-1", "from": "+8613912345678", "text": "TD"}) == 200
    assert refusal(customer_id=sms.customer_id, channel="sms") == "suppressed"
    assert sms.responses.get(data__event_id="e-0").data["text"] == "  hi"


def test_an_answer_told_twice_is_one_answer(sms: Message) -> None:
    assert [reply("hello"), reply("hello")] == [200, 200]
    assert sms.responses.count() == 1
    assert Touchpoint.objects.filter(kind="message_replied").count() == 1


def test_a_stranger_who_wants_nothing_gets_nothing(sms: Message) -> None:
    reply("TD", "13700000000")
    assert Suppression.objects.filter(channel="sms").count() == 1
    assert refusal(customer_id=sms.customer_id, channel="sms") is None


def test_the_hook_needs_its_secret_and_sense(sms: Message) -> None:
    assert tell({"type": "reply", "id": "1", "from": "+8613912345678", "text": "TD"}, secret="0" * 32) == 404
    url = f"/hooks/sms/{tracking.hook_secret()}/"
    for body in ("", "[]", "{}", '{"events": 1}', '{"events": ["x"]}'):
        assert Client().post(url, body, content_type="application/json").status_code == 400
    assert Client().get(url).status_code == 405
    assert refusal(customer_id=sms.customer_id, channel="sms") is None


@pytest.mark.parametrize("order", list(permutations(["sent", "undelivered", "delivered", "failed"])))
def test_receipts_in_any_order_end_alike(sms: Message, order: tuple[str, ...]) -> None:
    for status in (*order, *order):
        assert tell({"type": "receipt", "reference": str(sms.token), "status": status}) == 200
    sms.refresh_from_db()
    assert (sms.state, sms.reason) == ("undelivered", "rejected")


def test_a_receipt_settles_a_doubt_and_nothing_that_was_not_sent(sms: Message) -> None:
    Message.objects.filter(pk=sms.pk).delete()
    campaign = sms.campaign
    for state, sent_at, after in (("unknown", timezone.now(), "delivered"), ("skipped", None, "skipped")):
        row = campaign.messages.create(
            customer=sms.customer,
            channel="sms",
            state=state,
            reason="no_answer",
            due_at=timezone.now(),
            sent_at=sent_at,
        )
        tell({"type": "receipt", "reference": str(row.token), "status": "delivered"})
        row.refresh_from_db()
        assert row.state == after
        told = Touchpoint.objects.filter(dedupe_key=f"message:{row.pk}:sent").count()
        assert told == (1 if after == "delivered" else 0)
        row.delete()
