"""Finding people by the keys that they are known by, and making those who are new. Set-based, in batches."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg2.extras import execute_values

from customers.models import Identity
from customers.normalforms import normal_email

Key = tuple[str, str, str]

LOCK_SPACE = 1003
BATCH = 5_000

# A real and an invented customer must never share a key: what the demo brings goes when the demo goes.
DEMO_SCOPE = "demo"


@dataclass(frozen=True)
class Person:
    """Somebody as one order shows them. (kind, scope, value) is the key in normal form, `original` as it was given.

    `phone` (E.164) and `email` are contact points in normal form, "" where unknown or unusable.
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


@transaction.atomic
def match_people(*, people: Sequence[Person], source: str, is_demo: bool = False) -> dict[Key, int]:
    """Customer id by key: the customer who has the key, else the one who has the phone or e-mail, else a new one.

    Contact details that a known customer lacks are filled in, none is replaced. Any number of callers may do this at
    once; each waits for the others' transaction only where it brings somebody new.
    """
    wanted = {person.key: person for person in people}
    with connection.cursor() as cursor:
        known = _known(cursor, wanted)
        strangers = [key for key in wanted if key not in known]
        better_known = _reached_at_last(cursor, [(known[key], wanted[key]) for key in wanted if key in known])
        if strangers or better_known:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [LOCK_SPACE])
            known |= _known(cursor, strangers)
            newcomers = [wanted[key] for key in strangers if key not in known]
            known |= _introduce(cursor, newcomers, better_known, known, source=source, is_demo=is_demo)
        _fill_in(cursor, {known[key]: person for key, person in wanted.items()})
    return known


def _known(cursor: CursorWrapper, keys: Iterable[Key]) -> dict[Key, int]:
    rows = _values(
        cursor,
        """SELECT k.kind, k.scope, k.value, coalesce(c.merged_into_id, c.id)
           FROM (VALUES %s) AS k (kind, scope, value)
           JOIN customers_identity i ON (i.kind, i.scope, i.value) = (k.kind, k.scope, k.value)
           JOIN customers_customer c ON c.id = i.customer_id""",
        sorted(keys),
    )
    return {(str(kind), str(scope), str(value)): int(str(pk)) for kind, scope, value, pk in rows}


def _reached_at_last(cursor: CursorWrapper, people: Sequence[tuple[int, Person]]) -> list[Person]:
    """Known people whose phone or e-mail comes to be known, with just that: they are recognised by it from now on."""
    told = sorted({pk for pk, person in people if person.phone or person.email})
    rows = _values(
        cursor,
        """SELECT c.id, c.phone = '', c.email = '' FROM customers_customer c JOIN (VALUES %s) AS t (id) ON c.id = t.id
           WHERE c.phone = '' OR c.email = ''""",
        [(pk,) for pk in told],
    )
    lacks = {pk: (no_phone, no_email) for pk, no_phone, no_email in rows}
    found = []
    for pk, person in people:
        no_phone, no_email = lacks.get(pk, (False, False))
        news = replace(person, phone=person.phone if no_phone else "", email=person.email if no_email else "")
        if news.phone or news.email:
            found.append(news)
    return found


def _introduce(
    cursor: CursorWrapper,
    newcomers: Sequence[Person],
    better_known: Sequence[Person],
    known: Mapping[Key, int],
    *,
    source: str,
    is_demo: bool,
) -> dict[Key, int]:
    """Identities for people without a known key, and customers for those whom no contact point tells.

    Who is `better_known` gets their new contact points as keys, unless somebody else has them.
    """
    scope = shared_scope(is_demo=is_demo)
    contacts = {person.key: _contact_keys(person, scope) for person in [*newcomers, *better_known]}
    owners = _known(cursor, {key for keys in contacts.values() for key in keys})
    owner_of: dict[Key, int] = {person.key: known[person.key] for person in better_known}
    for person in better_known:
        owners = dict.fromkeys(contacts[person.key], owner_of[person.key]) | owners
    pending: list[list[Person]] = []
    group_of: dict[Key, int] = {}
    for person in newcomers:
        keys = contacts[person.key]
        owner = next((owners[key] for key in keys if key in owners), None)
        group = next((group_of[key] for key in keys if key in group_of), None)
        if owner is not None:
            owner_of[person.key] = owner
        elif group is not None:
            pending[group].append(person)
        else:
            group = len(pending)
            pending.append([person])
        if owner is None and group is not None:
            group_of |= {key: group for key in keys if key not in group_of}
    ids = _create(cursor, [members[0] for members in pending], is_demo=is_demo)
    owner_of |= {person.key: pk for members, pk in zip(pending, ids, strict=True) for person in members}
    _tell_apart(cursor, [*newcomers, *better_known], owner_of, contacts, source)
    return owner_of


def _contact_keys(person: Person, scope: str) -> list[Key]:
    email = normal_email(person.email) if person.email else None
    found = [(Identity.Kind.PHONE.value, scope, person.phone)] if person.phone else []
    return found + ([(Identity.Kind.EMAIL.value, scope, email)] if email else [])


def _create(cursor: CursorWrapper, people: Sequence[Person], *, is_demo: bool) -> list[int]:
    """Ids in the order of `people`: drawn first, so that they can be told apart."""
    cursor.execute(
        "SELECT nextval(pg_get_serial_sequence('customers_customer', 'id')) FROM generate_series(1, %s)", [len(people)]
    )
    ids = [int(row[0]) for row in cursor.fetchall()]
    _values(
        cursor,
        """INSERT INTO customers_customer
             (id, name, phone, email, city, country, language, note, extra, is_demo, created_at, updated_at)
           SELECT id, name, phone, email, city, country, '', '', '{}', demo, now(), now()
           FROM (VALUES %s) AS v (id, name, phone, email, city, country, demo) RETURNING id""",
        [
            (pk, p.name[:150], p.phone, p.email, p.city[:80], p.country[:80], is_demo)
            for pk, p in zip(ids, people, strict=True)
        ],
    )
    return ids


def _tell_apart(
    cursor: CursorWrapper,
    newcomers: Sequence[Person],
    owner_of: dict[Key, int],
    contacts: dict[Key, list[Key]],
    source: str,
) -> None:
    rows: dict[Key, tuple[object, ...]] = {}
    for person in newcomers:
        owner = owner_of[person.key]
        rows[person.key] = (owner, *person.key, person.original or person.value, source)
        for key in contacts[person.key]:
            rows.setdefault(key, (owner, *key, key[2], source))
    _values(
        cursor,
        """INSERT INTO customers_identity (customer_id, kind, scope, value, original, source, created_at)
           SELECT customer, kind, scope, value, left(original, 254), left(source, 60), now()
           FROM (VALUES %s) AS v (customer, kind, scope, value, original, source)
           ON CONFLICT (kind, scope, value) DO NOTHING RETURNING id""",
        [rows[key] for key in sorted(rows)],
    )


def _fill_in(cursor: CursorWrapper, people: dict[int, Person]) -> None:
    """What a customer's row leaves empty and an order knows. Rows are taken by id, so that two callers cannot lock."""
    told = [
        (pk, p.name[:150], p.phone, p.email, p.city[:80], p.country[:80])
        for pk, p in sorted(people.items())
        if p.name or p.phone or p.email or p.city or p.country
    ]
    _values(
        cursor,
        """WITH told (id, name, phone, email, city, country) AS (VALUES %s), lacking AS (
             SELECT c.id FROM customers_customer c JOIN told t USING (id)
             WHERE c.name = '' AND t.name <> '' OR c.phone = '' AND t.phone <> '' OR c.email = '' AND t.email <> ''
                OR c.city = '' AND t.city <> '' OR c.country = '' AND t.country <> ''
             ORDER BY c.id FOR UPDATE OF c)
           UPDATE customers_customer c SET updated_at = now(),
             name = coalesce(nullif(c.name, ''), t.name), phone = coalesce(nullif(c.phone, ''), t.phone),
             email = coalesce(nullif(c.email, ''), t.email), city = coalesce(nullif(c.city, ''), t.city),
             country = coalesce(nullif(c.country, ''), t.country)
           FROM told t JOIN lacking USING (id) WHERE c.id = t.id RETURNING c.id""",
        told,
    )


def _values(cursor: CursorWrapper, sql: str, rows: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Run `sql` for `rows` in batches; what it returns, of all batches."""
    if not rows:
        return []
    return list(execute_values(cursor.cursor, sql, rows, page_size=BATCH, fetch=True))
