"""Finding people by the keys that they are known by, and making those who are new. Set-based, in batches.

Strong keys join by themselves: the platform's buyer, phone, e-mail, WeChat ID, loyalty number, in this order. Where
they lead to two different customers nobody is merged: the first key decides, and the pair is put before a person.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import StringIO

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg2.extras import execute_values

from crm_suite.lib.digests import address_digest, digest_key
from customers import identity_sql as sql
from customers.duplicates import SHARED_KEY, propose
from customers.locks import hold_still
from customers.models import Customer, ErasedKey, Identity
from customers.normalforms import address_text, masked_phone_mark, normal_loyalty, normal_wechat

Key = tuple[str, str, str]

LOCK_SPACE = 1003

# A real and an invented customer must never share a key: what the demo brings goes when the demo goes.
DEMO_SCOPE = "demo"


@dataclass(frozen=True)
class Person:
    """Somebody as one order shows them. (kind, scope, value) is the key in normal form, `original` as it was given.

    `phone` (E.164) and `email` are contact points in normal form, "" where unknown or unusable. `loyalty_no` and
    `wechat_id` (a union ID, `open:…` or `work:…`) are keys, in any spelling. `masked_phone` and `address` are none:
    with the name they propose duplicates, and only a mark of them is kept.
    """

    kind: str
    scope: str
    value: str
    original: str = ""
    name: str = ""
    phone: str = ""
    email: str = ""
    city: str = ""
    country: str = ""
    loyalty_no: str = ""
    wechat_id: str = ""
    masked_phone: str = ""
    address: str = ""
    birthday: date | None = None

    @property
    def key(self) -> Key:
        return (self.kind, self.scope, self.value)


def shared_scope(*, is_demo: bool) -> str:
    """Where a phone number or an e-mail address is one person's: everywhere, but the demo apart."""
    return DEMO_SCOPE if is_demo else ""


def erased_among(keys: Iterable[Key]) -> set[Key]:
    """Which of these keys, in normal form, were somebody's who was erased."""
    digests = {address_digest(f"{kind}:{scope}:{value}"): (kind, scope, value) for kind, scope, value in keys}
    known = ErasedKey.objects.filter(digest__in=list(digests)).values_list("digest", flat=True)
    return {digests[digest] for digest in known}


def hold_keys() -> None:
    """Whoever gives keys to customers does it one after the other. Before any row is locked; until the commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [LOCK_SPACE])


@transaction.atomic
def match_people(
    *, people: Sequence[Person], source: str, is_demo: bool = False, buyer_scope: str = ""
) -> dict[Key, int]:
    """Customer id by key: the customer who has the first known key of a person, else a new one.

    Contact details that a known customer lacks are filled in, none is replaced. `buyer_scope` is where the loyalty
    numbers are unique (a shop's `buyer_scope` or code); "" takes the scope of a platform's buyer, and without one the
    number is no key. Somebody whose key was erased gets a customer without name and contact. Any number of callers
    may do this at once; each waits for the others' transaction only where it brings somebody new.
    """
    wanted = list({person.key: person for person in people}.values())
    if not wanted:
        return {}
    hold_still()
    values: dict[str, str | bool] = {"shared": shared_scope(is_demo=is_demo), "source": source, "is_demo": is_demo}
    with connection.cursor() as cursor:
        cursor.execute(sql.TOLD)
        cursor.cursor.copy_expert(sql.COPY, _lines(wanted, buyer_scope))
        cursor.execute("ANALYZE people_told (no, kind, scope, value)")
        cursor.execute(sql.FOUND)
        has_strangers = cursor.rowcount < len(wanted)
        if has_strangers:
            hold_keys()
        _look_at_keys(cursor, values)
        if has_strangers:
            _introduce(cursor, values)
        _learn(cursor, values, has_marks=any(person.masked_phone or person.address for person in wanted))
        cursor.execute("SELECT customer FROM people_found ORDER BY no")
        found = [int(row[0]) for row in cursor.fetchall()]
        cursor.execute(sql.DROP)
    return {person.key: pk for person, pk in zip(wanted, found, strict=True)}


def claim_contacts(*, customer: Customer, contacts: Mapping[str, str]) -> None:
    """Make a phone and an e-mail (normal forms, "" for none) keys of a customer; call `hold_keys` before.

    One that is somebody else's key stays theirs, and the two are proposed as one person.
    """
    scope = shared_scope(is_demo=customer.is_demo)
    for kind, value in contacts.items():
        if value:
            given = {"customer": customer, "original": value, "source": "by hand"}
            normal = value.lower() if kind == Identity.Kind.EMAIL else value
            key, _is_new = Identity.objects.get_or_create(kind=kind, scope=scope, value=normal, defaults=given)
            propose([(customer.pk, key.customer_id)], reason=SHARED_KEY)


def _lines(people: Sequence[Person], buyer_scope: str) -> StringIO:
    """The people as a CSV that PostgreSQL copies, in the order of identity_sql.COLUMNS."""
    file = StringIO()
    csv.writer(file).writerows(_rows(people, buyer_scope))
    file.seek(0)
    return file


def _rows(people: Sequence[Person], buyer_scope: str) -> Iterator[tuple[object, ...]]:
    for no, p in enumerate(people):
        scope = buyer_scope or (p.scope if p.kind == "platform" else "")
        card = normal_loyalty(p.loyalty_no) if p.loyalty_no and scope else None
        place = address_text(p.name, p.address) if p.address else ""
        yield (
            no, p.kind, p.scope, p.value, p.original, p.name, p.phone, p.email, p.city, p.country, p.birthday,
            normal_wechat(p.wechat_id) if p.wechat_id else "", scope, card,
            masked_phone_mark(p.masked_phone, p.name) if p.masked_phone else "",
            address_digest(place) if place else "",
        )  # fmt: skip


def _look_at_keys(cursor: CursorWrapper, values: dict[str, str | bool]) -> None:
    if ErasedKey.objects.exists():
        cursor.execute(sql.ERASED, {**values, "digest_key": digest_key()})
    cursor.execute(sql.KEYS, values)
    cursor.execute("ANALYZE people_keys (no, owner)")


def _introduce(cursor: CursorWrapper, values: dict[str, str | bool]) -> None:
    """Customers for those whom no key tells. Who shares a key with another newcomer becomes the same customer."""
    cursor.execute(sql.OWNED)
    cursor.execute(sql.NEWCOMERS)
    cursor.execute(sql.ALIKE)
    leaders, alike = _gather(cursor.fetchall())
    if leaders:
        execute_values(cursor.cursor, sql.FOLLOW, sorted(leaders.items()), page_size=5_000)
    for statement in (sql.MADE, sql.CREATE, sql.INTRODUCED):
        cursor.execute(statement, values)
    if alike:
        cursor.execute("SELECT leader, customer FROM people_made")
        made = {int(leader): int(pk) for leader, pk in cursor.fetchall()}
        propose([(made[first], made[second]) for first, second in sorted(alike)], reason=SHARED_KEY)


def _gather(rows: Iterable[tuple[int, str, str, str]]) -> tuple[dict[int, int], set[tuple[int, int]]]:
    """Leader by follower, from (number, key) in the order of numbers and priority; and leaders who share a key.

    The first key that somebody before them has decides, as if each had come alone.
    """
    keys: dict[int, list[Key]] = {}
    for no, kind, scope, value in rows:
        keys.setdefault(no, []).append((kind, scope, value))
    leader_of: dict[Key, int] = {}
    buyers: dict[int, int] = {}
    leaders: dict[int, int] = {}
    alike: set[tuple[int, int]] = set()
    for no, own in keys.items():
        is_buyer = own[0][0] == Identity.Kind.PLATFORM
        known = [leader_of[key] for key in own if key in leader_of]
        open_ones = [leader for leader in known if not is_buyer or buyers[leader] < sql.CROWD]
        leader = open_ones[0] if open_ones else no
        alike |= {(leader, other) for other in open_ones if other != leader}
        buyers[leader] = buyers.get(leader, 0) + is_buyer
        if leader != no:
            leaders[no] = leader
        for key in own:
            leader_of.setdefault(key, leader)
    return leaders, alike


def _learn(cursor: CursorWrapper, values: dict[str, str | bool], *, has_marks: bool) -> None:
    """What these people told that was not known: keys, contact details, marks, and who may be the same."""
    cursor.execute(sql.IDENTITIES, values)
    cursor.execute(sql.SHARED)
    propose([(int(one), int(other)) for one, other in cursor.fetchall()], reason=SHARED_KEY)
    cursor.execute(sql.FILL_IN)
    if has_marks:
        cursor.execute(sql.WEAK_KEYS, values)
