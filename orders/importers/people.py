"""Whose the rows of a chunk are: buyers of orders, and customers that a file is about."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from django.db import connection
from django.db.backends.utils import CursorWrapper

from customers.identities import Person, match_people, shared_scope
from customers.models import Shop
from customers.normalforms import normal_loyalty

AT_ONCE = 30_000  # bounds the memory of a chunk in which everybody is somebody else

_KIND, _VALUE = "split_part(k.buyer_key, ':', 1)", "substr(k.buyer_key, strpos(k.buyer_key, ':') + 1)"

# Everybody once, with all that the file tells of them. `first` is the order that shows them first.
PEOPLE = """
CREATE {kind} TABLE {stage}_people {end} AS
SELECT buyer_key, max(buyer_original) AS original, max(buyer_name) AS name, max(phone) AS phone, max(email) AS email,
  max(city) AS city, max(country) AS country, max(loyalty_no) AS loyalty_no, max(wechat_id) AS wechat_id,
  max(masked_phone) AS masked_phone, max(address) AS address, max(birthday) AS birthday, min(order_no) AS first
FROM {stage} WHERE buyer_key IS NOT NULL GROUP BY buyer_key;
CREATE INDEX ON {stage}_people (first);
"""

_NEW_HERE, _LOST = "first > %(after)s AND first <= %(upto)s", "buyer_key = ANY(%(keys)s)"

BUYERS = "CREATE TEMP TABLE chunk_buyers (buyer_key text, customer_id bigint) ON COMMIT DROP"

# Of the rows of the chunk that say anything new.
KNOWN = f"""
CREATE TEMP TABLE chunk_buyers ON COMMIT DROP AS
SELECT k.buyer_key, i.customer_id
FROM (SELECT DISTINCT buyer_key FROM chunk_rows WHERE buyer_key IS NOT NULL AND NOT is_home) k
LEFT JOIN LATERAL (
  SELECT customer_id FROM customers_identity i
  WHERE i.kind = {_KIND} COLLATE "default" AND i.value = left({_VALUE}, 254) COLLATE "default"
    AND i.scope = CASE WHEN {_KIND} IN ('platform', 'loyalty') THEN %(buyer_scope)s ELSE %(shared)s END LIMIT 1
) i ON true
"""  # noqa: S608  our own words


def list_people(stage: str, *, temporary: bool = False) -> None:
    """Make the table of all people of a staging table anew."""
    kind, end = ("TEMP", "ON COMMIT DROP") if temporary else ("UNLOGGED", "")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {stage}_people")
        cursor.execute(PEOPLE.format(stage=stage, kind=kind, end=end))


class People:
    """The people of some rows of a staging table, once they are listed."""

    def __init__(self, shop: Shop, stage: str, *, after: str, upto: str, source: str) -> None:
        self.shop, self.stage, self.source = shop, stage, source
        self.scope = shop.buyer_scope or shop.code
        self.shared = shared_scope(is_demo=shop.is_demo)
        values = {"after": after, "upto": upto, "buyer_scope": self.scope, "shared": self.shared}
        self.values: dict[str, str | list[str]] = {**values}

    def meet(self) -> None:
        """Know from now on everybody whom no rows before these show; who is new becomes a customer."""
        for _buyers in self._matched():
            pass

    def write_buyers(self, cursor: CursorWrapper) -> None:
        """Make `chunk_buyers`, the customer of every key, of people whom no rows before these show."""
        cursor.execute(BUYERS)
        for buyers in self._matched():
            _add(cursor, buyers)

    def find_buyers(self, cursor: CursorWrapper) -> None:
        """Make `chunk_buyers` of people who were met: their keys say who they are at this moment."""
        cursor.execute(KNOWN, self.values)
        # Somebody whose key was erased, or is compared in another spelling.
        cursor.execute("DELETE FROM chunk_buyers WHERE customer_id IS NULL RETURNING buyer_key")
        lost = [row[0] for row in cursor.fetchall()]
        for buyers in self._matched(lost) if lost else ():
            _add(cursor, buyers)

    def _matched(self, keys: Sequence[str] | None = None) -> Iterator[dict[str, int]]:
        """Customer by key as staged, so many at once; of `keys` alone where they are given."""
        which = _NEW_HERE if keys is None else _LOST
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT * FROM {self.stage}_people WHERE {which} ORDER BY buyer_key",  # noqa: S608  our own names
                {**self.values, "keys": list(keys or ())},
            )
            while rows := cursor.fetchmany(AT_ONCE):
                yield self._customers({str(row[0]): self._person(row) for row in rows})

    def _customers(self, people: Mapping[str, Person]) -> dict[str, int]:
        ids = match_people(
            people=list(people.values()), source=self.source, is_demo=self.shop.is_demo, buyer_scope=self.scope
        )
        return {key: ids[person.key] for key, person in people.items()}

    def _person(self, row: Sequence[str | date | None]) -> Person:
        *texts, birthday, _first = row
        key, original, name, phone, email, city, country, card, wechat, masked, address = (str(t or "") for t in texts)
        birthday = birthday if isinstance(birthday, date) else None
        kind, _colon, value = key.partition(":")
        # A platform's buyer is one person in this shop; a phone or an e-mail is one person everywhere.
        scope = self.scope if kind in ("platform", "loyalty") else self.shared
        value = (kind == "loyalty" and normal_loyalty(value)) or value[:254]
        return Person(
            kind, scope, value, original, name, phone, email, city, country, card, wechat, masked, address, birthday
        )


def _add(cursor: CursorWrapper, buyers: Mapping[str, int]) -> None:
    cursor.execute(
        "INSERT INTO chunk_buyers SELECT * FROM unnest(%s::text[], %s::bigint[])", [list(buyers), list(buyers.values())]
    )
