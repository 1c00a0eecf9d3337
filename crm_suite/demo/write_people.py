"""The invented people as rows: customers, the keys they are known by, what they allowed, who opted out."""

from datetime import date, timedelta

import numpy as np

from crm_suite.demo.copying import NULL, copy_columns, reserve_ids
from crm_suite.demo.people import Ints, People
from crm_suite.demo.sends import NEVER
from crm_suite.demo.world import World
from crm_suite.lib.digests import address_digest
from crm_suite.lib.masking import mask_email, mask_phone
from customers.identities import shared_scope
from customers.models import Channel, Consent, Customer, Identity, Shop, Suppression

SOURCE = "demo"


def write_people(world: World, shops: list[Shop]) -> Ints:
    """Write every person; returns the customer ids by position."""
    people = world.people
    ids = reserve_ids(Customer, len(people))
    joined = world.clock.texts(world.joined)
    copy_columns(
        Customer,
        {
            "id": ids, "name": people.names, "phone": people.phones, "email": people.emails, "city": people.cities,
            "country": people.countries, "language": people.languages, "birthday": _birthdays(people),
            "is_demo": [True] * len(ids), "created_at": joined, "updated_at": joined,
        },
    )  # fmt: skip
    _write_identities(people, shops, ids, joined)
    _write_consents(world, ids, joined)
    _write_optouts(world, ids)
    return np.array(ids)


def _birthdays(people: People) -> list[str]:
    pairs = zip(people.birth_years.tolist(), people.birth_days.tolist(), strict=True)
    return [str(date(year, 1, 1) + timedelta(days=day - 1)) if year else NULL for year, day in pairs]


def _write_identities(people: People, shops: list[Shop], ids: list[int], joined: list[str]) -> None:
    """The buyer name of each shop where the person buys, and phone and e-mail where known."""
    rows: list[tuple[int, str, str, str, str]] = []
    apart = shared_scope(is_demo=True)
    for place, (pk, home, second) in enumerate(zip(ids, people.home.tolist(), people.second.tolist(), strict=True)):
        for shop in (home, second):
            if shop >= 0:
                rows.append((pk, Identity.Kind.PLATFORM, shops[shop].code, f"demo_buyer_{place:06d}", joined[place]))
        if people.phones[place]:
            rows.append((pk, Identity.Kind.PHONE, apart, people.phones[place], joined[place]))
        if people.emails[place]:
            rows.append((pk, Identity.Kind.EMAIL, apart, people.emails[place], joined[place]))
    customer, kind, scope, value, since = zip(*rows, strict=True)
    copy_columns(
        Identity,
        {
            "customer_id": customer, "kind": kind, "scope": scope, "value": value, "original": value,
            "source": [SOURCE] * len(rows), "created_at": since,
        },
    )  # fmt: skip


def _write_consents(world: World, ids: list[int], joined: list[str]) -> None:
    """What was allowed on joining; where an address is known and nothing was ticked, there is no row: nothing said."""
    people = world.people
    given = {Channel.EMAIL: people.email_consent, Channel.SMS: people.sms_consent}
    for channel, flags in given.items():
        who = np.flatnonzero(flags).tolist()
        _append_consents(
            channel, [ids[one] for one in who], [joined[one] for one in who], granted=True, source="checkout"
        )


def _append_consents(channel: str, customers: list[int], when: list[str], *, granted: bool, source: str) -> None:
    wording = "News and offers of the shop, at most twice a week." if granted else ""
    rows = len(customers)
    copy_columns(
        Consent,
        {
            "customer_id": customers, "channel": [channel] * rows, "granted": [granted] * rows,
            "source": [source] * rows, "wording": [wording] * rows, "occurred_at": when, "recorded_at": when,
        },
    )  # fmt: skip


def _write_optouts(world: World, ids: list[int]) -> None:
    """Everybody who opted out of a campaign: consent taken back, address on the list."""
    for channel in (Channel.EMAIL, Channel.SMS):
        moments = world.opted_out[channel]
        who = np.flatnonzero(moments < min(NEVER, world.clock.now)).tolist()
        when = world.clock.texts(moments[who])
        _append_consents(channel, [ids[one] for one in who], when, granted=False, source="unsubscribe")
        book = world.people.emails if channel == Channel.EMAIL else world.people.phones
        mask = mask_email if channel == Channel.EMAIL else mask_phone
        addresses = [book[one] for one in who]
        # The list is shared with real shops: an address that is on it already stays as it is.
        Suppression.objects.bulk_create(
            [
                Suppression(
                    channel=channel, address_digest=address_digest(address), masked=mask(address),
                    reason=Suppression.Reason.UNSUBSCRIBED, source="campaign", is_demo=True,
                )
                for address in addresses
            ],
            ignore_conflicts=True,
        )  # fmt: skip
