"""Whoever judges the storms is judged: each invariant finds what is planted for it, and nothing in a calm campaign."""

from collections.abc import Callable
from datetime import time as clock, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.models import Attempt, Campaign, ChannelPolicy, Message
from customers.models import Consent, Suppression
from tests.campaigns.delivery_cast import prepared
from tests.faults import invariants
from tests.faults.stage import Stage, finish, gateway, store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


def _sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE campaigns_message DISABLE TRIGGER campaigns_message_next")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE campaigns_message ENABLE TRIGGER campaigns_message_next")


def _set(what: str) -> Callable[[], None]:
    return lambda: _sql(f"UPDATE campaigns_message SET {what} WHERE id = (SELECT min(id) FROM campaigns_message)")


def _first() -> Message:
    return Message.objects.order_by("pk")[0]


def _long_ago() -> None:
    row = _first()
    Suppression.objects.create(channel="sms", address_digest=row.address_digest, masked="x", reason="manual")
    Suppression.objects.update(created_at=timezone.now() - timedelta(hours=1))


def _no() -> None:
    row, before = _first(), timezone.now() - timedelta(hours=1)
    said = Consent.objects.create(customer_id=row.customer_id, channel="sms", granted=False, occurred_at=timezone.now())
    Consent.objects.filter(pk=said.pk).update(recorded_at=before)


PLANTED: dict[str, Callable[[], object]] = {
    "I1 a frozen audience that does not match": lambda: Campaign.objects.update(audience_size=99),
    "I1 a message that is stuck": _set("state = 'claimed', lease_until = now() - interval '5 minutes'"),
    "I1 a finished campaign with something open": _set("state = 'queued'"),
    "I2 taken by the provider, and we say": _set("state = 'skipped', reason = 'x'"),
    "I2 accepted, and the provider knows nothing": _set("token = gen_random_uuid()"),
    "I2 taken by the provider, of no message": _set("token = gen_random_uuid()"),
    "I3 past the gate although suppressed": _long_ago,
    "I3 past the gate without consent": _no,
    "I3 marketing at night": lambda: _sql("UPDATE campaigns_message SET sent_at = sent_at + interval '12 hours'"),
    "I3 a customer of another store": lambda: _sql("UPDATE customers_customerfacts SET book = 'USD'"),
    "I4 tries that were not counted": lambda: Attempt.objects.all().delete(),
    "I4 a finished campaign whose touchpoints": lambda: _sql("DELETE FROM touchpoints_touchpoint"),
    "I5 in doubt for longer": _set("state = 'unknown', reason = 'x', sent_at = now() - interval '80 hours'"),
    "I5 in doubt about what was never": _set("state = 'unknown', reason = 'x', sent_at = NULL"),
}


@pytest.mark.parametrize("rule", PLANTED)
def test_what_is_planted_is_found(stage: Stage, rule: str) -> None:
    finish(stage.sms(3))
    stage.hold(doubts=0)
    PLANTED[rule]()
    assert [found for found in invariants.broken(stage.provider, since=stage.since) if found.rule.startswith(rule)]


def test_a_second_copy_is_found(stage: Stage) -> None:
    campaign = finish(stage.sms(3, keyed=False))
    _set("state = 'retry_wait', due_at = now()")()
    Campaign.objects.update(state="running", finished_at=None)
    finish(campaign)
    rules = {found.rule for found in invariants.broken(stage.provider, since=stage.since)}
    assert {"I2 two copies to one recipient", "I2 two copies of one message"} <= rules


def test_more_than_the_cap_is_found(stage: Stage) -> None:
    """Three were sent while the store allowed nine; by the rule of two they are too many."""
    night = clock(3)
    ChannelPolicy.objects.create(channel="sms", cap=9, cap_days=7, quiet_from=night, quiet_until=night)
    shop = store(2)
    gateway(stage.provider, keyed=True)
    for number in range(3):
        finish(prepared(shop=shop, channel="sms", body=f"hello {number}"))
    stage.hold(doubts=0)
    ChannelPolicy.objects.all().delete()
    rules = {found.rule for found in invariants.broken(stage.provider, since=stage.since)}
    assert rules == {"I3 more than the cap"}
