"""What went wrong for others and has no place among the storms: each once, by the name of its row."""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
import redis
from django.db import DatabaseError, connection
from django.test import Client
from pytest_django.fixtures import Settings

import campaigns.delivery
from campaigns import services, tracking
from campaigns.channels import Outcome, Receipt
from campaigns.delivery import claim, gate, result, run
from campaigns.delivery.journal import Settlement
from campaigns.models import Campaign, Message, Response
from campaigns.news import replies
from crm_suite.lib.errors import DomainError
from customers.models import Consent, Customer, Suppression
from customers.services import record_optout
from tests.campaigns.delivery_cast import deliver, draft, prepared, reachable, small_shop
from tests.faults.stage import Stage, finish, gateway, leases_run_out, sized, store
from tests.faults.test_races import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


def test_f03_a_wake_up_that_vanished_is_told_again_by_the_next_tick(stage: Stage, redis_url: str) -> None:
    campaign = stage.sms(5)
    broker = redis.from_url(redis_url)
    for _loss in range(20):
        assert run.tick() == []
        assert any(b"tasks.deliver" in told for told in broker.lrange("delivery", 0, -1))
        broker.flushdb()
    finish(campaign)
    broker.flushdb()
    assert run.tick() == []
    assert not any(b"tasks.deliver" in told for told in broker.lrange("delivery", 0, -1))
    stage.hold(doubts=0)


def test_f13_an_answer_to_an_earlier_try_changes_nothing(stage: Stage) -> None:
    campaign = stage.sms(1, keyed=True)
    row = campaign.messages.get()
    address = {row.pk: row.customer.phone}
    old = claim.claim(campaign_id=campaign.pk)
    assert gate.admit(campaign=campaign, batch=old, addresses=address, parts={row.pk: 1}, provider="gateway").passed
    leases_run_out()
    Message.objects.filter(pk=row.pk).update(state="retry_wait", lease_until=None)
    new = claim.claim(campaign_id=campaign.pk, provider="gateway")
    assert gate.admit(campaign=campaign, batch=new, addresses=address, parts={row.pk: 1}, provider="gateway").passed

    refused = Receipt(str(row.token), Outcome.REFUSED, reason="provider_refused")
    for attempt, token in ((1, old[0].claim_token), (2, old[0].claim_token), (1, new[0].claim_token)):
        late = Settlement(row.pk, attempt, token, in_doubt=False, retries=True, provider="gateway", receipt=refused)
        assert result.settle([late]) == 0
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("sending", 2)


def test_f18_a_connection_that_breaks_in_the_middle_is_tried_again_like_one_that_is_refused(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psycopg2 says plain DatabaseError where the server goes while it answers, and neither of its two subclasses."""
    campaign = stage.sms(3, keyed=False, batch=1)
    settle, broken = result.settle, [DatabaseError("server closed the connection unexpectedly")] * 2

    def flaky(settlements: Sequence[Settlement]) -> int:
        if broken:
            raise broken.pop()
        return settle(settlements)

    monkeypatch.setattr(result, "settle", flaky)
    # The lane whose connection was lost has given up its right to call: the next one sends the rest.
    campaign = deliver(deliver(campaign))
    assert campaign.messages.filter(state="accepted").count() == 3
    stage.hold(doubts=0)


def test_f19_every_start_that_was_answered_is_there_although_the_table_is_being_altered(stage: Stage) -> None:
    shop = store(3)
    gateway(stage.provider, keyed=True)
    drafts = [draft(shop=shop, channel="sms", body=f"hello {number}") for number in range(sized(12, 100))]
    at_a_time = sized(1, 4)  # each of them has a connection: a server takes a hundred
    over = threading.Event()

    def migrate() -> None:
        while not over.is_set():
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE campaigns_campaign ADD COLUMN extra_f19 int")
                cursor.execute("ALTER TABLE campaigns_campaign DROP COLUMN extra_f19")
            time.sleep(0.02)

    def press(campaigns: list[Campaign]) -> list[int]:
        try:
            return [services.launch_campaign(campaign=campaign, by=None).pk for campaign in campaigns]
        finally:
            done.extend(campaigns)
            if len(done) == len(drafts):
                over.set()

    done: list[Campaign] = []
    people = [drafts[start : start + at_a_time] for start in range(0, len(drafts), at_a_time)]
    results = at_once(migrate, *[lambda own=own: press(own) for own in people])[1:]
    answered = [pk for pks in results if isinstance(pks, list) for pk in pks]
    assert len(answered) == len(drafts), [r for r in results if not isinstance(r, list)]
    assert Campaign.objects.filter(pk__in=answered, state__in=["scheduled", "preparing"]).count() == len(answered)


def test_f20_the_claim_reads_an_index_whatever_else_lies_in_the_table(stage: Stage) -> None:
    shop = store(sized(2_000, 20_000))
    gateway(stage.provider, keyed=True)
    for number in range(3):
        prepared(shop=shop, channel="sms", body=f"hello {number}")
    last = Campaign.objects.order_by("-pk").first()
    assert last is not None
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE campaigns_message")
        cursor.execute(
            "EXPLAIN SELECT id FROM campaigns_message WHERE campaign_id = %s AND state IN ('queued', 'retry_wait')"
            " AND due_at <= now() AND claims = 0 ORDER BY due_at, id LIMIT 100 FOR UPDATE SKIP LOCKED",
            [last.pk],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "message_due" in plan and "Seq Scan" not in plan, plan
    # Nor does anything on the way of every message count the whole table.
    folder = Path(campaigns.delivery.__path__[0])
    for name in ("claim", "gate", "call", "result", "compose"):
        assert "count(" not in (folder / f"{name}.py").read_text().lower(), name


def test_f23_whatever_ends_without_having_been_sent_says_why(stage: Stage) -> None:
    shop = store(5)
    people = list(Customer.objects.order_by("pk"))
    Customer.objects.filter(pk=people[0].pk).update(phone="+8610000000001")
    Customer.objects.filter(pk=people[1].pk).update(name="")
    gateway(stage.provider, keyed=True, batch=1)
    campaign = prepared(shop=shop, channel="sms", body="Dear {{ name }}, hello")
    record_optout(customer=people[2], channel="sms", source="call")
    campaign = finish(campaign)

    ends = {row.customer_id: (row.state, row.reason, bool(row.detail)) for row in campaign.messages.all()}
    assert ends[people[1].pk] == ("failed", "render", True)
    assert ends[people[2].pk][:2] == ("skipped", "suppressed")
    assert ends[people[0].pk][0] in ("failed", "skipped") and ends[people[0].pk][1]
    assert Counter(state for state, _reason, _detail in ends.values())["accepted"] == 2
    stage.hold(doubts=0)


def _sent(stage: Stage) -> Message:
    reachable("Ann")
    campaign = deliver(prepared(shop=small_shop()))
    return campaign.messages.get()


def test_f28_reading_the_addresses_of_a_message_a_hundred_times_changes_no_permission(
    stage: Stage, client: Client, settings: Settings
) -> None:
    message = _sent(stage)
    path = tracking.unsubscribe_url(message.token).removeprefix(settings.SITE_URL)
    for _time in range(25):
        for headers in ({"Accept": "*/*"}, {"User-Agent": "Barracuda"}, {"Purpose": "prefetch"}):
            assert client.get(path, headers=headers).status_code == 200
        assert client.head(path).status_code == 200
    assert not Suppression.objects.exists() and Consent.objects.filter(granted=False).count() == 0
    for _time in range(2):
        assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Suppression.objects.count() == 1
    assert message.responses.filter(kind=Response.Kind.UNSUBSCRIBE).count() == 1


def test_f38_a_tampered_link_leads_nowhere(stage: Stage, client: Client, settings: Settings) -> None:
    message = _sent(stage)
    path = tracking.click_url(message.token, 1).removeprefix(settings.SITE_URL)
    assert client.get(path).status_code == 302
    chance = random.Random(38)
    for _time in range(30):
        place = chance.randrange(3, 3 + 36)
        letter = chance.choice("0123456789abcdefg/%")
        wrong = path[:place] + letter + path[place + 1 :]
        if wrong != path:
            answer = client.get(
                wrong, {"l": "https://evil.example", "url": "//evil.example", "next": "https://evil.example"}
            )
            assert answer.status_code == 404 and "Location" not in answer
    assert client.get(tracking.click_url(uuid.uuid4(), 1).removeprefix(settings.SITE_URL)).status_code == 404
    answer = client.get(path, {"l": "https://evil.example"})
    assert answer["Location"].startswith("https://shop.example/")


def test_f35_every_way_of_writing_no_more_stops_the_next_copy(stage: Stage) -> None:
    words = ["R", "T", "TD", "td", "退订", "Ｒ", " t d ", "TD.", "STOP", "【小店】TD", "回复TD"]
    shop = store(len(words) + 1)
    gateway(stage.provider, keyed=True)
    finish(prepared(shop=shop, channel="sms", body="hello"))
    *leaving, staying = Customer.objects.order_by("pk")
    for number, (customer, text) in enumerate(zip(leaving, words, strict=True)):
        assert replies.is_opt_out(text), text
        _answer(customer, text, number)
    _answer(staying, "R u open today?", 99)
    again = finish(prepared(shop=shop, channel="sms", body="hello again"))
    assert sorted(stage.copies(again).values()) == [1]
    assert again.messages.get(customer=staying).state in ("accepted", "delivered")
    stage.hold(doubts=0)


def _answer(customer: Customer, text: str, number: int) -> None:
    try:
        replies.record_reply(phone=customer.phone, text=text, event_id=f"f35-{number}")
    except DomainError as error:
        raise AssertionError(text) from error
