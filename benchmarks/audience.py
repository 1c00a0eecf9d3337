"""How fast an audience is frozen: `python -m benchmarks.audience [--customers 1000000] [--rounds 2]`.

A campaign to everybody: who has no consent, is suppressed, had enough lately or shares an address is skipped with the
reason, a tenth is held out, one message row each. Beside it, in the same run and taking turns: a bare COPY of the same
rows into the same table with its indexes and keys (the floor), and the way it is usually written with Django: ids in
Python, checks there, `bulk_create` a thousand at a time. Read the ratios: the machine makes the rest.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.management import call_command

from benchmarks.scratch import scratch_servers

if TYPE_CHECKING:
    from campaigns.models import Campaign

BATCH = 1000
#: One customer in so many has given no consent; is suppressed; shares an address with the one before.
SILENT, SUPPRESSED, TWIN = 12, 20, 500
#: Messages of other campaigns within the last days: three to every seventh customer (the cap), one to two of seven.
_STATEMENTS = (
    """INSERT INTO customers_customer (id, name, phone, email, city, country, language, note, extra, is_demo,
         created_at, updated_at)
       SELECT n, 'Person ' || n, '', 'p' || (CASE WHEN n %% %(twin)s = 0 THEN n - 1 ELSE n END) || '@shop.example',
         'Hangzhou', 'CN', '', '', '{}', false, now(), now()
       FROM generate_series(1, %(customers)s) n""",
    """INSERT INTO customers_consent (customer_id, channel, granted, source, wording, proof, occurred_at, recorded_at)
       SELECT n, 'email', true, 'bench', '', '', now() - interval '90 days', now()
       FROM generate_series(1, %(customers)s) n WHERE n %% %(silent)s > 0""",
    """INSERT INTO customers_customerfacts (customer_id, book, orders, purchase_days, net_amount, refunds, last_paid_on,
         first_paid_on, r_score, f_score, m_score, "group", stage, platforms, email_ok, sms_ok)
       SELECT n, 'CNY', 1 + n %% 9, 1 + n %% 5, n %% 900, 0, current_date - n %% 700, current_date - 700, 1 + n %% 5,
         1 + n %% 5, 1 + n %% 5, 'champions', 'active', '{}', false, false
       FROM generate_series(1, %(customers)s) n""",
    """INSERT INTO campaigns_message (campaign_id, customer_id, token, arm, channel, state, reason, detail,
         stage_when_chosen, group_when_chosen, address_digest, masked_address, due_at, sent_at, claims, attempts,
         generation, parts, provider, provider_message_id, updated_at)
       SELECT c.id, n, gen_random_uuid(), 'treated', 'email', 'accepted', '', '', '', '', '', '', now(),
         now() - c.nr * interval '1 day', 0, 1, 0, 1, 'smtp', '', now()
       FROM (SELECT id, row_number() OVER (ORDER BY id) AS nr FROM campaigns_campaign WHERE name LIKE 'Past%%') c
       JOIN generate_series(1, %(customers)s) n ON n %% 7 = 0 OR (n + c.nr) %% 21 = 0""",
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with scratch_servers(SMTP_URL="smtp://127.0.0.1:9"), tempfile.TemporaryDirectory() as folder:
        call_command("migrate", verbosity=0)
        campaign = _gather(options.customers)
        _measure(campaign, Path(folder) / "rows", options.rounds)


def _measure(campaign: "Campaign", file: Path, rounds: int) -> None:
    rows = _ours(campaign)  # once for the file, and so that every timed way finds the table as another left it
    fates = _fates(campaign)
    _save(campaign, file)
    ways: dict[str, Callable[[], int]] = {
        "COPY of the same rows, same indexes": lambda: _copy(file),
        "our audience": lambda: _ours(campaign),
        "ids in Python, bulk_create": lambda: _bulk_create(campaign),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            if name.startswith("ids") and number:
                continue  # a minute each: once is enough
            _clear(campaign)
            begun = time.perf_counter()
            assert way() == rows
            found[name].append(time.perf_counter() - begun)
            assert _fates(campaign) == fates, name
    print(f"{rows:,} rows: " + ", ".join(f"{count:,} {fate}" for fate, count in fates.items()))
    floor, ours, _usual = seconds = [statistics.median(times) for times in found.values()]
    print(f"{'way':40}{'s':>8}{'rows/s':>10}{'÷ COPY':>9}{'÷ ours':>9}")
    for name, taken in zip(ways, seconds, strict=True):
        print(f"{name:40}{taken:8.2f}{rows / taken:10,.0f}{taken / floor:9.2f}{taken / ours:9.2f}")


def _gather(customers: int) -> "Campaign":
    """An empty database becomes a shop with its people, what was sent to them lately, and a campaign about to begin."""
    from django.db import connection

    from campaigns.models import Campaign
    from customers.models import Shop
    from customers.services import refresh_reach
    from segmentation.models import Segment

    shop = Shop.objects.create(code="bench", name="Bench", currency="CNY", email_from="news@shop.example")
    segment = Segment.objects.create(name="Everybody", rule={"all": []}, book="CNY")
    made = {"shop": shop, "channel": "email", "segment": segment}
    for number in range(3):
        Campaign.objects.create(code=f"past{number}", name=f"Past {number}", state="finished", **made)
    values = {"customers": customers, "silent": SILENT, "twin": TWIN}
    with connection.cursor() as cursor:
        for statement in _STATEMENTS:
            cursor.execute(statement, values)
    _suppress(customers)
    refresh_reach()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return Campaign.objects.create(
        code="bench", name="Bench", state="preparing", holdout_percent=10, segment_rule={"all": []}, subject="News",
        body="Hi", **made,
    )  # fmt: skip


def _suppress(customers: int) -> None:
    from crm_suite.lib.digests import address_digest
    from customers.models import Suppression

    digests = (address_digest(f"p{number}@shop.example") for number in range(SUPPRESSED, customers + 1, SUPPRESSED))
    Suppression.objects.bulk_create(
        (Suppression(channel="email", address_digest=digest, reason="bounced") for digest in digests),
        batch_size=BATCH * 10, ignore_conflicts=True,
    )  # fmt: skip


def _fates(campaign: "Campaign") -> dict[str, int]:
    from django.db.models import Count

    rows = campaign.messages.order_by("state", "reason").values_list("state", "reason").annotate(rows=Count("pk"))
    return {f"{state} {reason}".strip(): count for state, reason, count in rows}


def _clear(campaign: "Campaign") -> None:
    from django.db import connection

    from campaigns.models import Campaign

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM campaigns_message WHERE campaign_id = %s", [campaign.pk])
        cursor.execute("VACUUM ANALYZE campaigns_message")
        cursor.execute("CHECKPOINT")
    Campaign.objects.filter(pk=campaign.pk).update(state="preparing", prepared_to=0, audience_size=None)


def _ours(campaign: "Campaign") -> int:
    from campaigns.delivery import materialise

    assert materialise.materialise(campaign_id=campaign.pk)
    campaign.refresh_from_db()
    assert campaign.audience_size is not None
    return campaign.audience_size


def _columns() -> str:
    from campaigns.models import Message

    names = [field.column for field in Message._meta.concrete_fields if field.column != "id"]
    return ", ".join(f'"{name}"' for name in names)


def _save(campaign: "Campaign", file: Path) -> None:
    from django.db import connection

    rows = f"SELECT {_columns()} FROM campaigns_message WHERE campaign_id = {campaign.pk} ORDER BY id"  # noqa: S608
    with file.open("wb") as target, connection.cursor() as cursor:
        cursor.copy_expert(f"COPY ({rows}) TO STDOUT (FORMAT binary)", target)


def _copy(file: Path) -> int:
    from django.db import connection

    with file.open("rb") as source, connection.cursor() as cursor:
        cursor.copy_expert(f"COPY campaigns_message ({_columns()}) FROM STDIN (FORMAT binary)", source)
        return int(cursor.rowcount)


def _bulk_create(campaign: "Campaign") -> int:
    """As it is mostly written, and honestly sped up: sets in memory, one question for each kind of thing."""
    from django.db import transaction
    from django.db.models import Count
    from django.utils import timezone

    from campaigns import policy
    from campaigns.models import Message
    from crm_suite.lib.digests import address_digest
    from crm_suite.lib.masking import mask_email
    from customers.models import Consent, CustomerFacts, Suppression

    now = timezone.now()
    refused = set(Suppression.objects.filter(channel="email").values_list("address_digest", flat=True))
    agreed = set(Consent.objects.filter(channel="email", granted=True).values_list("customer_id", flat=True))
    lately = Message.objects.filter(channel="email", sent_at__gt=now - policy.CAP_WINDOW).order_by()
    often = lately.values("customer_id").annotate(n=Count("pk")).filter(n__gte=policy.CAPS["email"])
    enough = set(often.values_list("customer_id", flat=True))
    seen: set[str] = set()
    batch: list[Message] = []
    total = 0
    people = CustomerFacts.objects.filter(book="CNY").order_by("customer_id")
    with transaction.atomic():
        for pk, stage, group, address in people.values_list(
            "customer_id", "stage", "group", "customer__email"
        ).iterator():
            digest = address_digest(address.lower())
            reason = ""
            if digest in refused:
                reason = "suppressed"
            elif pk not in agreed:
                reason = "no_consent"
            elif pk in enough:
                reason = "frequency_cap"
            elif digest in seen:
                reason = "duplicate_address"
            else:
                seen.add(digest)
            drawn = int(hashlib.md5(f"{campaign.salt}:{pk}".encode()).hexdigest()[:8], 16) % 10000 < 1000
            held = not reason and drawn
            batch.append(
                Message(
                    token=uuid.uuid4(), campaign=campaign, customer_id=pk, channel="email", reason=reason, due_at=now,
                    arm="holdout" if held else "treated", stage_when_chosen=stage, group_when_chosen=group,
                    state="skipped" if reason else "held_out" if held else "queued", address_digest=digest,
                    masked_address=mask_email(address),
                )
            )  # fmt: skip
            if len(batch) == BATCH:
                total += len(Message.objects.bulk_create(batch))
                batch = []
        total += len(Message.objects.bulk_create(batch))
    return total


if __name__ == "__main__":
    main()
