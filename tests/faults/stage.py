"""Where the fault tests play: many people, two kinds of provider, and what the next worker does after a crash."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from campaigns.delivery import run, sweep
from campaigns.models import Campaign, Message, Provider as ProviderRow
from customers.models import Consent, Customer, CustomerFacts, Shop
from customers.services import refresh_reach
from tests.campaigns.delivery_cast import daylight_zone, deliver, prepared, small_shop
from tests.campaigns.provider import Provider
from tests.faults import invariants
from tests.faults.nursery import Nursery
from tests.processes import wait_until

#: FAULT_SIZE=full: as `make faults` runs them, for hours; else as `make test` does, in minutes.
FULL = os.environ.get("FAULT_SIZE") == "full"
SEEDS = int(os.environ.get("FAULT_SEEDS", "50" if FULL else "1"))
#: Leases of seconds, so that a test sees them run out by the database's clock as the product does.
BRISK = {"LEASE": 3.0, "CALL_WITHIN": 1.0, "CLAIM_PATIENCE": 1.0}


def sized(small: int, full: int) -> int:
    return full if FULL else small


@dataclass
class Stage:
    provider: Provider
    nursery: Nursery
    since: int

    def hold(self, *, doubts: int | None = None) -> None:
        """I1–I5 (tests/faults/invariants.py)."""
        invariants.hold(self.provider, since=self.since, doubts=doubts)

    def copies(self, campaign: Campaign) -> Counter[str]:
        """How often the provider took each message of the campaign."""
        mine = {str(token) for token in campaign.messages.values_list("token", flat=True)}
        return Counter(reference for reference in self.provider.references(self.since) if reference in mine)

    def sms(self, people: int, *, keyed: bool = True, batch: int = 20, rate: int | None = None) -> Campaign:
        """An SMS campaign to so many, frozen and not begun."""
        shop = store(people)
        gateway(self.provider, keyed=keyed, batch=batch, rate=rate)
        return prepared(shop=shop, channel="sms", body="hello")


def store(people: int) -> Shop:
    """A shop whose wall clock says noon, and so many who may be written to in both channels."""
    shop = small_shop(timezone=daylight_zone())
    first = Customer.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    made = Customer.objects.bulk_create(
        Customer(name=f"Person {n}", email=f"p{n}@shop.example", phone=f"+8613{n:09d}")
        for n in range(first + 1, first + people + 1)
    )
    now = timezone.now()
    Consent.objects.bulk_create(
        Consent(customer=person, channel=channel, granted=True, source="checkout", occurred_at=now)
        for person in made
        for channel in ("email", "sms")
    )
    facts = [CustomerFacts(customer=person, book=shop.book, orders=2, stage="lost") for person in made]
    CustomerFacts.objects.bulk_create(facts)
    refresh_reach(customer_ids=[person.pk for person in made])
    return shop


def gateway(
    provider: Provider, *, keyed: bool, batch: int = 20, rate: int | None = None, code: str = "gateway", rank: int = 1
) -> ProviderRow:
    """The simulator as an HTTP gateway of the store's own, which knows repeats by their key or does not."""
    door = f"{provider.sms_url}/{'sms' if keyed else 'unkeyed'}"
    row, _new = ProviderRow.objects.update_or_create(
        code=code,
        defaults={
            "name": code.title(), "channel": "sms", "kind": "http", "rank": rank, "rate": rate, "burst": max(batch, 1),
            "settings": {"url": door, "idempotency": "key" if keyed else "none", "batch_size": str(batch)},
        },
    )  # fmt: skip
    return row


def states(campaign: Campaign) -> Counter[str]:
    return Counter(campaign.messages.values_list("state", flat=True))


def leases_run_out() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE campaigns_message SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL"
        )


def nobody_waits() -> None:
    """Whoever waits for another try is due now."""
    Message.objects.filter(state="retry_wait", due_at__gt=timezone.now()).update(due_at=timezone.now())


def finish(campaign: Campaign, *, rounds: int = 12) -> Campaign:
    """What the next worker and the ticks do, once everybody else is dead."""
    for _round in range(rounds):
        leases_run_out()
        sweep.sweep()
        nobody_waits()
        campaign = deliver(campaign)
        if campaign.state != "running":
            break
    return campaign


def until_begun(campaign: Campaign, *, count: int = 1) -> None:
    """Until so many have been handed over."""
    handed = campaign.messages.filter(sent_at__isnull=False)
    wait_until(lambda: handed.count() >= count, what=f"{count} were handed over", often=0.02)


def done(campaign: Campaign) -> Callable[[], bool]:
    """For wait_until: nothing is open any more. Ticks meanwhile."""

    def is_done() -> bool:
        run.tick()
        nobody_waits()
        return not campaign.messages.filter(state__in=Message.OPEN).exists()

    return is_done
