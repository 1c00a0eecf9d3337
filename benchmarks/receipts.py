"""How fast news of a provider are heard: `python -m benchmarks.receipts [--messages 20000] [--customers 200000]`.

Stored as they come, a thousand to a call, then applied by one worker: receipts of messages that are known by our token,
and addresses that do not exist, each of which is blocked, shown in its customer's facts and written into the record.
"""

import argparse
import os
import time
from typing import TYPE_CHECKING

from django.core.management import call_command

from benchmarks.scratch import scratch_servers

if TYPE_CHECKING:
    from campaigns.models import Provider

CALL = 1000
GOAL = 1500
_STATEMENTS = (
    """INSERT INTO customers_customer (id, name, phone, email, city, country, language, note, extra, is_demo,
         created_at, updated_at)
       SELECT n, 'Person ' || n, '', 'p' || n || '@shop.example', '', 'CN', '', '', '{}', false, now(), now()
       FROM generate_series(1, %(customers)s) n""",
    """INSERT INTO customers_consent (customer_id, channel, granted, source, wording, proof, occurred_at, recorded_at)
       SELECT n, 'email', true, 'bench', '', '', now() - interval '90 days', now()
       FROM generate_series(1, %(customers)s) n""",
    """INSERT INTO campaigns_message (campaign_id, customer_id, token, arm, channel, state, reason, detail,
         stage_when_chosen, group_when_chosen, address_digest, masked_address, due_at, sent_at, claims, attempts,
         generation, parts, provider, provider_message_id, updated_at)
       SELECT %(campaign)s, c.id, gen_random_uuid(), 'treated', 'email', 'accepted', '', '', '', '',
         '', 'p***@shop.example', now(), now(), 0, 1, 0, 1, 'bench', '', now()
       FROM customers_customer c WHERE c.id <= %(messages)s""",
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--customers", type=int, default=200_000)
    options = parser.parse_args()
    with scratch_servers():
        call_command("migrate", verbosity=0)
        provider = _gather(options.customers, options.messages)
        print(f"{options.messages:,} messages, {options.customers:,} customers, load {os.getloadavg()[0]:.1f}")
        print(f"{'news':38}{'stored/s':>10}{'applied/s':>11}{'both/s':>9}{'goal':>7}")
        _measure(provider, "delivered", options.messages)
        _measure(provider, "rejected", options.messages // 2)
        _check(options.messages)


def _measure(provider: "Provider", kind: str, count: int) -> None:
    from campaigns.channels.base import Event
    from campaigns.models import Message
    from campaigns.news.inbox import apply_events, store_events

    tokens = Message.objects.order_by("customer_id").values_list("token", flat=True)[:count]
    news = [Event(f"{kind}-{token}", kind, reference=str(token), data={"gone": True}) for token in tokens]
    begun = time.perf_counter()
    for start in range(0, count, CALL):
        store_events(provider=provider, events=news[start : start + CALL])
    stored = time.perf_counter()
    settled = 0
    while more := apply_events():
        settled += more
    done = time.perf_counter()
    assert settled == count, settled
    name = {"delivered": "receipts", "rejected": "addresses that do not exist"}[kind]
    rates = (count / (stored - begun), count / (done - stored), count / (done - begun))
    print(f"{name:38}{rates[0]:10,.0f}{rates[1]:11,.0f}{rates[2]:9,.0f}{GOAL:7,}", flush=True)


def _check(messages: int) -> None:
    """Every address that does not exist is blocked, and every receipt stands in its message."""
    from campaigns.models import Message
    from customers.models import CustomerFacts, Suppression

    gone = messages // 2
    assert Message.objects.filter(state="delivered").count() == messages - gone
    assert Suppression.objects.count() == Message.objects.filter(reason="rejected").count() == gone
    assert not CustomerFacts.objects.filter(customer_id__lte=gone, email_ok=True).exists()


def _gather(customers: int, messages: int) -> "Provider":
    from django.db import connection
    from django.db.models.functions import Lower

    from campaigns.models import Campaign, Message, Provider
    from crm_suite.lib.digests import AddressDigest
    from customers.models import Shop
    from customers.services import refresh_reach
    from segmentation.models import Segment

    shop = Shop.objects.create(code="bench", name="Bench", currency="CNY", email_from="news@shop.example")
    segment = Segment.objects.create(name="Everybody", rule={"all": []}, book="CNY")
    campaign = Campaign.objects.create(
        code="bench", name="Bench", state="finished", shop=shop, channel="email", segment=segment
    )
    with connection.cursor() as cursor:
        for statement in _STATEMENTS:
            cursor.execute(statement, {"customers": customers, "messages": messages, "campaign": campaign.pk})
        digest = AddressDigest(Lower("customer__email"))
        found = Message.objects.annotate(digest=digest).values_list("id", "digest")
        cursor.execute(
            "UPDATE campaigns_message m SET address_digest = n.digest FROM unnest(%s::bigint[], %s::text[]) n"
            " (id, digest) WHERE m.id = n.id",
            [list(column) for column in zip(*found, strict=True)],
        )
        refresh_reach()
        cursor.execute("VACUUM ANALYZE")
    return Provider.objects.create(code="bench", name="Bench", channel="email", kind="http")


if __name__ == "__main__":
    main()
