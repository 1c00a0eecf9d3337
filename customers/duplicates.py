"""Customers who may be one person: proposed by what they share, decided by a person, never joined by themselves."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import WrongState
from customers.identity_sql import CROWD
from customers.models import Customer, DuplicatePair, Identity, WeakKey

SHARED_KEY = "shared_key"

#: What two customers may share, and how much it says. A score is the sum, at most 100.
REASONS: dict[str, Promise] = {
    SHARED_KEY: gettext_lazy("The same phone, e-mail or ID"),
    WeakKey.Kind.ADDRESS: gettext_lazy("The same name and address"),
    WeakKey.Kind.MASKED_PHONE: gettext_lazy("The same name and masked phone"),
    WeakKey.Kind.NICK: gettext_lazy("The same nick in two shops of one platform"),
}
WEIGHTS = {SHARED_KEY: 80, WeakKey.Kind.ADDRESS: 60, WeakKey.Kind.MASKED_PHONE: 50, WeakKey.Kind.NICK: 40}

_SEEN = "duplicates:seen"


# --- questions --------------------------------------------------------------------------------------------------------


def open_pairs(reason: str = "") -> QuerySet[DuplicatePair]:
    """Pairs to decide, of customers who are still two; with `reason`, those who share this. Most likely first."""
    pairs = DuplicatePair.objects.filter(
        state=DuplicatePair.State.OPEN, first__merged_into__isnull=True, second__merged_into__isnull=True
    )
    return pairs.filter(reasons__contains=[reason]) if reason else pairs


def pairs_of(customer_id: int) -> list[DuplicatePair]:
    """Up to ten open pairs that this customer is in, most likely first, with both customers."""
    mine = open_pairs().filter(Q(first=customer_id) | Q(second=customer_id))
    return list(mine.select_related("first", "second")[:10])


# --- verbs ------------------------------------------------------------------------------------------------------------


def propose(pairs: Iterable[tuple[int, int]], *, reason: str) -> int:
    """Put these pairs of customer ids before a person. Returns how many are new or have a new reason.

    What was decided stays decided.
    """
    ordered = sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})
    if not ordered:
        return 0
    values: dict[str, str | int | list[int]] = {
        "first": [one for one, _other in ordered], "second": [other for _one, other in ordered],
        "reason": reason, "weight": WEIGHTS[reason],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_PROPOSE.format(pairs="unnest(%(first)s::bigint[], %(second)s::bigint[])"), values)
        return int(cursor.rowcount)


_PROPOSE = """
    INSERT INTO customers_duplicatepair AS known (first_id, second_id, reasons, score, state, found_at)
    SELECT pair.first, pair.second, jsonb_build_array(%(reason)s::text), %(weight)s, 'open', now()
    FROM {pairs} AS pair (first, second) ORDER BY 1, 2
    ON CONFLICT (first_id, second_id) DO UPDATE SET
        reasons = known.reasons || excluded.reasons, score = least(100, known.score + excluded.score)
    WHERE known.state = 'open' AND NOT known.reasons @> excluded.reasons
"""


@transaction.atomic
def tell_apart(*, pair: DuplicatePair, by: User | None) -> DuplicatePair:
    """These two are not the same, and are not proposed again. Raises WrongState where it was decided already."""
    pair = DuplicatePair.objects.select_for_update().get(pk=pair.pk)
    if pair.state != DuplicatePair.State.OPEN:
        raise WrongState(_("Somebody has decided this already."), code="decided")
    pair.state, pair.decided_by, pair.decided_at = DuplicatePair.State.DIFFERENT, by, timezone.now()
    pair.save(update_fields=["state", "decided_by", "decided_at"])
    audit(action="customer.not_same", actor=by, target=f"customer:{pair.first_id}", changes={"other": pair.second_id})
    return pair


# --- search -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """`pairs` that are new or have a new reason; `crowded` things that too many share, and which were passed over.

    Too many: more than CROWD customers, or customers who are more than CROWD platform buyers altogether.
    """

    pairs: int
    crowded: int


@transaction.atomic
def find_pairs() -> Found:
    """Look over all customers for what two of them share. One statement per reason; repeating finds nothing new."""
    counts = []
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")
        for reason, rows in _SHARED.items():
            values: dict[str, str | int] = {"reason": reason, "weight": WEIGHTS[reason], "crowd": CROWD}
            cursor.execute(_FIND.format(rows=rows, propose=_PROPOSE.format(pairs="alike")), values)
            counts.append(cursor.fetchone())
    return Found(pairs=sum(pairs for pairs, _crowded in counts), crowded=sum(crowded for _pairs, crowded in counts))


def look_again() -> Found | None:
    """`find_pairs` where a customer or a key has changed since the last time; else None. For a tick."""
    customer = Customer.objects.aggregate(newest=Max("updated_at"))["newest"]
    seen = [str(customer), *(model.objects.aggregate(last=Max("pk"))["last"] for model in (Identity, WeakKey))]
    if cache.get(_SEEN) == seen:
        return None
    found = find_pairs()
    cache.set(_SEEN, seen, timeout=None)
    return found


#: (value, customer) by reason: whoever has the same value may be one.
_SHARED = {
    SHARED_KEY: """
        SELECT phone AS value, id FROM customers_customer WHERE phone <> ''
        UNION ALL SELECT lower(email), id FROM customers_customer WHERE email <> ''""",
    WeakKey.Kind.ADDRESS: "SELECT value, customer_id AS id FROM customers_weakkey WHERE kind = 'address'",
    # A masked number may be one that another shop shows in full.
    WeakKey.Kind.MASKED_PHONE: """
        SELECT value, customer_id AS id FROM customers_weakkey WHERE kind = 'phone'
        UNION ALL SELECT m.value, c.id FROM (SELECT DISTINCT value FROM customers_weakkey WHERE kind = 'phone') m
        JOIN customers_customer c ON substr(c.phone, 4, 3) || '|' || right(c.phone, 2) || '|' || c.name = m.value
        WHERE c.phone LIKE '+861%%' AND length(c.phone) = 14""",
    # A number may be anybody's in another shop; a nick has letters.
    WeakKey.Kind.NICK: """
        SELECT s.platform || ':' || i.value AS value, i.customer_id AS id
        FROM (SELECT platform, coalesce(nullif(buyer_scope, ''), code) AS scope FROM customers_shop) s
        JOIN customers_identity i ON i.kind = 'platform' AND i.scope = s.scope
        WHERE i.value ~ '[^0-9]' AND i.value NOT LIKE 'erased:%%' AND s.platform IN (
          SELECT platform FROM customers_shop
          GROUP BY platform HAVING count(DISTINCT coalesce(nullif(buyer_scope, ''), code)) > 1)""",
}

_FIND = """
    WITH present AS MATERIALIZED (
        SELECT DISTINCT shared.value, c.is_demo, c.id FROM ({rows}) AS shared
        JOIN customers_customer c ON c.id = shared.id WHERE c.merged_into_id IS NULL AND NOT c.extra ? 'erased'
    ), groups AS (
        SELECT value, is_demo, count(*) AS size FROM present GROUP BY value, is_demo HAVING count(*) > 1
    ), crowded AS (
        SELECT value, is_demo FROM groups WHERE size > %(crowd)s
        UNION
        SELECT g.value, g.is_demo FROM groups g JOIN present p USING (value, is_demo)
        JOIN customers_identity i ON i.customer_id = p.id AND i.kind = 'platform'
        WHERE g.size <= %(crowd)s GROUP BY g.value, g.is_demo HAVING count(*) > %(crowd)s
    ), alike AS (
        SELECT DISTINCT a.id AS first, b.id AS second FROM groups g
        JOIN present a USING (value, is_demo) JOIN present b USING (value, is_demo)
        LEFT JOIN customers_duplicatepair known ON known.first_id = a.id AND known.second_id = b.id
        WHERE a.id < b.id AND NOT EXISTS (
            SELECT FROM crowded x WHERE x.value = g.value AND x.is_demo = g.is_demo)
          -- What is known already would only be locked.
          AND (known.id IS NULL OR known.state = 'open' AND NOT known.reasons @> jsonb_build_array(%(reason)s::text))
    ), proposed AS ({propose} RETURNING 1)
    SELECT (SELECT count(*) FROM proposed), (SELECT count(*) FROM crowded)
"""
