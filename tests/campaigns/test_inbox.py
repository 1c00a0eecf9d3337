"""The providers' door: what is let in, kept once, obeyed at once, and applied afterwards."""

import json
from collections.abc import Sequence
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count
from django.test import Client
from django.utils import timezone

from campaigns.channels.base import Event
from campaigns.delivery import run
from campaigns.models import Message, Provider as Carrier, ProviderEvent
from campaigns.news import hearing, inbox, receipts
from campaigns.providers.secrets import hook_secret
from campaigns.views import hooks
from customers.models import Suppression
from customers.selectors import refusal
from tests.campaigns.delivery_cast import daylight_zone, deliver, message_to, prepared, reachable, reborn, small_shop
from tests.campaigns.provider import Provider
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db

NUMBER = "+8613912345678"


@pytest.fixture
def sms(provider: Provider) -> Message:
    bob = reachable("Bob", channel="sms", phone=NUMBER)
    return message_to(deliver(prepared(shop=small_shop(timezone=daylight_zone()), channel="sms", body="hi")), bob)


@pytest.fixture
def carrier(sms: Message) -> Carrier:
    return Carrier.objects.get(code="sms")


def tell(*events: dict[str, str], secret: str = "", code: str = "sms") -> int:
    url = f"/hooks/{code}/{secret or hook_secret('sms')}/"
    return Client().post(url, json.dumps({"events": events}), content_type="application/json").status_code


def reply(text: str, number: str = NUMBER, name: str = "e-1") -> int:
    return tell({"type": "reply", "id": name, "from": number, "text": text})


def receipt(sms: Message, status: str, **more: str) -> dict[str, str]:
    return {"type": "receipt", "reference": str(sms.token), "status": status, **more}


# --- what is let in ---------------------------------------------------------------------------------------------------


def test_the_hook_needs_its_secret_and_sense(sms: Message) -> None:
    opt_out = {"type": "reply", "id": "1", "from": NUMBER, "text": "TD"}
    assert tell(opt_out, secret="0" * 32) == 404
    assert tell(opt_out, code="smtp") == 404
    url = f"/hooks/sms/{hook_secret('sms')}/"
    for body in ("", "[]", "{}", '{"events": 1}', '{"events": ["x"]}', "[" * 100_000):
        assert Client().post(url, body, content_type="application/json").status_code == 400
    assert Client().get(url).status_code == 405
    assert Client().head(url).status_code == 200
    assert refusal(customer_id=sms.customer_id, channel="sms") is None
    assert not ProviderEvent.objects.exists()


def test_too_much_at_once_is_refused_unread(sms: Message) -> None:
    url = f"/hooks/sms/{hook_secret('sms')}/"
    body = json.dumps({"events": [receipt(sms, "delivered")], "x": "x" * hooks.MAX_BYTES})
    assert Client().post(url, body, content_type="application/json").status_code == 413
    assert not ProviderEvent.objects.exists()


def test_who_posts_a_form_gets_an_answer_without_words(sms: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "parse_webhook", lambda **_call: [])
    url = f"/hooks/sms/{hook_secret('sms')}/"
    answer = Client().post(url, "Body=hi", content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/xml")
    assert b">hi<" not in answer.content


def test_the_same_news_a_thousand_times_is_stored_once(sms: Message, carrier: Carrier) -> None:
    same = Event("e-1", "delivered", reference=str(sms.token))
    other = Event("e-2", "sent", reference=str(sms.token))
    assert inbox.store_events(provider=carrier, events=[same] * 1000) == 1
    assert inbox.store_events(provider=carrier, events=[same, other, same]) == 1
    assert inbox.apply_events() == 2
    assert inbox.store_events(provider=carrier, events=[same] * 1000) == 0
    assert inbox.apply_events() == 0
    assert ProviderEvent.objects.count() == 2


def test_what_the_columns_cannot_hold_is_made_to_fit(carrier: Carrier) -> None:
    odd = Event("i" * 500, "no such kind", "r" * 500, "a" * 500, {"words": "\x00 \ud83d no ann@shop.example", "n": 1})
    assert inbox.store_events(provider=carrier, events=[odd, Event("", "other"), Event("", "other")]) == 2
    row = ProviderEvent.objects.order_by("id")[0]
    assert (row.kind, len(row.event_id), len(row.reference), len(row.address)) == ("other", 64, 200, 200)
    assert row.data == {"words": "  no …", "n": 1}  # and nobody's address stays in them


# --- obeyed at once ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "TD", "td", " T ", "Ｒ", "r", "N", "退订", "退 订", "回复TD", "STOP", "Stop.", "【小店】TD", "ｓｔｏｐ",
        "TD【小店】", "T\u200bD", "“退订”", "请回复R", "Un-subscribe", "TD退订", "(R)",
    ],
)  # fmt: skip
def test_answers_that_mean_no_more(sms: Message, text: str) -> None:
    assert reply(text) == 200
    assert refusal(customer_id=sms.customer_id, channel="sms") == "suppressed"
    event = ProviderEvent.objects.get()
    assert (event.address, event.outcome, "text" in event.data) == ("", "opted_out", False)


@pytest.mark.parametrize(
    "text",
    ["Thanks!", "T-shirt in red?", "什么时候发货", "Not today", "R u open", "", "【TD】", "我要退货", "取消订单"],
)
def test_other_answers_are_only_kept(sms: Message, text: str) -> None:
    assert reply(text) == 200
    assert refusal(customer_id=sms.customer_id, channel="sms") is None
    assert sms.responses.get().data["text"] == text
    assert ProviderEvent.objects.get().address == ""


def test_an_event_that_the_database_cannot_hold_loses_no_opt_out_behind_it(sms: Message) -> None:
    odd = {"type": "reply", "id": "e-0", "from": NUMBER, "text": "\x00 \ud83d hi"}
    assert tell(odd, {"type": "reply", "id": "e-1", "from": NUMBER, "text": "TD"}) == 200
    assert refusal(customer_id=sms.customer_id, channel="sms") == "suppressed"
    assert sms.responses.get(data__event_id="e-0").data["text"] == "  hi"


def test_an_answer_told_twice_is_one_answer(sms: Message) -> None:
    assert [reply("hello"), reply("hello")] == [200, 200]
    assert sms.responses.count() == 1
    assert Touchpoint.objects.filter(kind="message_replied").count() == 1


def test_an_answer_proves_that_a_copy_arrived_but_settles_no_doubt(sms: Message) -> None:
    reborn(sms, state="unknown", reason="no_answer")
    reply("hello")
    sms.refresh_from_db()
    assert sms.state == "unknown"
    Message.objects.filter(pk=sms.pk).update(state="accepted", reason="")
    reply("hello again", name="e-2")
    sms.refresh_from_db()
    assert sms.state == "delivered"


def test_a_stranger_who_wants_nothing_gets_nothing(sms: Message) -> None:
    reply("TD", "13700000000")
    assert Suppression.objects.filter(channel="sms").count() == 1
    assert refusal(customer_id=sms.customer_id, channel="sms") is None


def test_many_opt_outs_in_one_call_are_all_obeyed(sms: Message) -> None:
    events = [
        {"type": "reply", "id": f"e-{n}", "from": f"+86137{n:08d}", "text": "TD"} for n in range(inbox.AT_ONCE + 5)
    ]
    assert tell(*events) == 200
    assert Suppression.objects.count() == inbox.AT_ONCE
    inbox.apply_events()
    assert Suppression.objects.count() == inbox.AT_ONCE + 5


# --- applied afterwards -----------------------------------------------------------------------------------------------


def states(messages: Sequence[Message]) -> list[str]:
    return [Message.objects.get(pk=message.pk).state for message in messages]


def test_a_receipt_waits_for_its_turn_and_is_applied(sms: Message) -> None:
    assert tell(receipt(sms, "delivered")) == 200
    assert states([sms]) == ["accepted"]
    assert inbox.apply_events() == 1
    assert states([sms]) == ["delivered"]
    assert ProviderEvent.objects.get().outcome == "applied"


def test_the_tick_hears_what_no_worker_was_woken_for(sms: Message) -> None:
    tell(receipt(sms, "delivered"))
    run.tick()
    assert states([sms]) == ["delivered"]


def test_early_news_waits_for_the_number_that_it_names(sms: Message, carrier: Carrier) -> None:
    Message.objects.filter(pk=sms.pk).update(provider_message_id="")
    inbox.store_events(provider=carrier, events=[Event("e-1", "delivered", reference="sim-early")])
    assert inbox.apply_events() == 0
    event = ProviderEvent.objects.get()
    assert (event.applied_at, event.outcome, event.tries) == (None, "waiting", 1)
    Message.objects.filter(pk=sms.pk).update(provider_message_id="sim-early")
    assert inbox.apply_events() == 0  # not before ten seconds have passed
    ProviderEvent.objects.update(received_at=timezone.now() - timedelta(seconds=11))
    assert inbox.apply_events() == 1
    assert states([sms]) == ["delivered"]


def test_what_finds_no_message_is_given_up_after_three_days(sms: Message, carrier: Carrier) -> None:
    inbox.store_events(provider=carrier, events=[Event("e-1", "delivered", reference="nobody's")])
    for hours, settled in ((0, 0), (71, 0), (72.1, 1)):
        ProviderEvent.objects.update(received_at=timezone.now() - timedelta(hours=hours))
        assert inbox.apply_events() == settled
    event = ProviderEvent.objects.get()
    assert (event.outcome, event.applied_at is not None) == ("no_message", True)


def test_old_news_that_was_applied_is_forgotten_and_what_waits_is_not(sms: Message, carrier: Carrier) -> None:
    for name in ("old", "waiting", "new"):
        ProviderEvent.objects.create(provider=carrier, event_id=name, kind="sent", applied_at=timezone.now())
    long_ago = timezone.now() - timedelta(days=inbox.KEPT_DAYS + 1)
    ProviderEvent.objects.exclude(event_id="new").update(received_at=long_ago)
    ProviderEvent.objects.filter(event_id="waiting").update(applied_at=None)
    assert inbox.forget_old() == 1
    assert set(ProviderEvent.objects.values_list("event_id", flat=True)) == {"waiting", "new"}


def test_receipts_of_test_messages_wait_for_nothing(sms: Message, carrier: Carrier) -> None:
    inbox.store_events(provider=carrier, events=[Event("e-1", "delivered", reference="test-abc"), Event("e-2", "sent")])
    assert inbox.apply_events() == 2


def test_a_provider_is_not_heard_about_the_messages_of_another(sms: Message) -> None:
    other = Carrier.objects.create(code="other", name="Other", channel="sms", kind="http")
    inbox.store_events(provider=other, events=[Event("e-1", "rejected", reference=str(sms.token))])
    inbox.apply_events()
    assert states([sms]) == ["accepted"]


def test_news_about_a_copy_that_a_worker_holds_waits_for_the_worker(sms: Message) -> None:
    reborn(sms, state="claimed", sent_at=timezone.now())
    tell(receipt(sms, "delivered"))
    assert inbox.apply_events() == 0
    assert states([sms]) == ["claimed"]
    assert ProviderEvent.objects.get().outcome == "waiting"


def test_one_bad_event_stops_no_other(sms: Message, carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_on_poison(items: Any, matched: Any) -> Any:
        if any(item.detail == "poison" for item in items):
            raise ValueError("poison")
        return real(items, matched)

    real = receipts.apply
    monkeypatch.setattr(receipts, "apply", break_on_poison)
    poison = Event("e-1", "sent", reference=str(sms.token), data={"code": "poison"})
    good = Event("e-2", "delivered", reference=str(sms.token))
    inbox.store_events(provider=carrier, events=[poison, good])
    assert inbox.apply_events() == 1
    assert states([sms]) == ["delivered"]
    for _time in range(hearing.MAX_TRIES):
        ProviderEvent.objects.update(received_at=timezone.now() - timedelta(days=1))
        inbox.apply_events()
    bad = ProviderEvent.objects.get(event_id="e-1")
    assert (bad.outcome, bad.applied_at is not None) == ("error: ValueError", True)


@pytest.mark.django_db(transaction=True)
def test_four_workers_apply_each_piece_once(provider: Provider) -> None:
    people = [reachable(channel="sms") for _number in range(30)]
    campaign = deliver(prepared(shop=small_shop(timezone=daylight_zone()), channel="sms", body="hi"))
    carrier = Carrier.objects.get(code="sms")
    events = [
        Event(f"{kind}-{message.pk}", kind, reference=str(message.token), data={"gone": kind == "rejected"})
        for message in campaign.messages.all()
        for kind in ("sent", "delivered", "complaint", "unsubscribed", "rejected")
    ]
    inbox.store_events(provider=carrier, events=events)
    settled: list[int] = []

    def work() -> None:
        try:
            settled.append(inbox.hear(seconds=30))
        finally:
            connection.close()

    workers = [Thread(target=work) for _number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    settled.append(inbox.hear())
    assert sum(settled) == ProviderEvent.objects.filter(applied_at__isnull=False).count()
    ProviderEvent.objects.update(received_at=timezone.now() - timedelta(hours=1))  # what had to wait is due
    inbox.hear()
    assert not ProviderEvent.objects.filter(applied_at=None).exists()
    assert set(campaign.messages.values_list("state", "reason")) == {("undelivered", "rejected")}
    assert Suppression.objects.count() == len(people)
    kinds = campaign.messages.values_list("responses__kind").annotate(n=Count("pk"))
    assert dict(kinds) == {"complaint": len(people), "unsubscribe": len(people)}
