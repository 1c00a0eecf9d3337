"""Two rows that are one person become one, and can be taken apart again to the byte.

The row that goes stays in its table, empty-handed, and points to the one that was kept. What moved, what was filled in
and what was made is written into the merge, so that undoing it puts all of it back. What comes to the kept customer
after the merge stays there, but for what refers to something that goes back (the refund of an order). The keys go back
too, so the next file that brings an order of the other person gives it to them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TypedDict

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, WrongState
from customers import moving
from customers.locks import hold_customers, hold_merging
from customers.models import Channel, Consent, Customer, CustomerMerge, CustomerNote, DuplicatePair
from customers.services import refresh_reach
from customers.signals import customers_merged

#: What the kept row takes over where it is empty.
FILLED = ("name", "phone", "email", "city", "country", "language", "birthday", "source", "note")


class Record(TypedDict):
    """What a merge did, as CustomerMerge.moved keeps it. Fields: value before and value put. Facts: rows as text."""

    rows: dict[str, list[str]]
    strangers: dict[str, list[str]]
    fields: dict[str, list[object]]
    facts: dict[str, str]
    consents: list[int]
    notes: list[int]
    pairs: list[int]
    merged: list[int]


@transaction.atomic
def merge_customers(*, kept: Customer, gone: Customer, by: User | None, reason: str = "") -> CustomerMerge:
    """Make two customers one: everything of `gone` moves to `kept`, whose own details win; the stricter consent wins.

    Raises BadInput for one and the same customer or a real and an invented one, WrongState where one of them was
    merged or erased already.
    """
    hold_merging()
    kept, gone = _both(kept.pk, gone.pk)
    _check(kept, gone)
    forbidden = _forbidden([kept, gone])
    facts = _take_facts([kept.pk, gone.pk], drop=gone.pk)
    moved = Record(
        strangers=moving.strangers(source=gone.pk, target=kept.pk),
        rows=moving.move_all(source=gone.pk, target=kept.pk),
        fields=_fill_in(kept, gone), facts=facts, consents=_forbid(kept, forbidden), notes=_keep_note(kept, gone, by),
        pairs=_carry_pairs(kept, gone), merged=_follow(kept, gone),
    )  # fmt: skip
    _decide(kept, gone, DuplicatePair.State.MERGED, by)
    merge = CustomerMerge.objects.create(kept=kept, gone=gone, reason=reason.strip()[:200], moved=moved, merged_by=by)
    _close(merge, "customer.merge", facts, by)
    return merge


@transaction.atomic
def unmerge(*, merge: CustomerMerge, by: User | None) -> CustomerMerge:
    """Take a merge back: both customers are as they were, but for what came to the kept one since.

    A refusal of messages that was said since counts for both. Raises WrongState where it was undone already, or where
    a later merge has to be undone first.
    """
    hold_merging()
    merge = CustomerMerge.objects.select_for_update(of=("self",)).get(pk=merge.pk)
    _check_undoable(merge)
    kept, gone = _both(merge.kept_id, merge.gone_id)
    moved: Record = merge.moved
    Customer.objects.filter(pk__in=moved["merged"], merged_into=kept).update(merged_into=gone)
    gone.merged_into = None
    gone.save(update_fields=["merged_into", "updated_at"])
    Consent.objects.filter(pk__in=moved["consents"]).delete()
    CustomerNote.objects.filter(pk__in=moved["notes"]).delete()
    is_carried = Q(decided_at__isnull=True) | Q(decided_at__lt=merge.merged_at)
    DuplicatePair.objects.filter(is_carried, pk__in=moved["pairs"]).delete()
    moving.move_back(source=kept.pk, target=gone.pk, moved=moved["rows"], strangers=moved["strangers"])
    _restore_fields(kept, moved["fields"])
    _restore_membership(kept)
    _forbid_again(kept, gone, merge)
    _restore_facts([kept.pk, gone.pk], moved["facts"])
    _decide(kept, gone, DuplicatePair.State.DIFFERENT, by)
    merge.undone_at, merge.undone_by = timezone.now(), by
    merge.save(update_fields=["undone_at", "undone_by"])
    _close(merge, "customer.unmerge", moved["facts"], by)
    return merge


def _both(kept_id: int, gone_id: int) -> tuple[Customer, Customer]:
    hold_customers([kept_id, gone_id])
    rows = Customer.objects.filter(pk__in=[kept_id, gone_id]).order_by("pk").select_for_update(of=("self",))
    found = {customer.pk: customer for customer in rows}
    if len(found) < 2:
        raise BadInput(_("Choose two different customers."), code="not_two")
    return found[kept_id], found[gone_id]


def _check(kept: Customer, gone: Customer) -> None:
    for customer in (kept, gone):
        if customer.merged_into_id:
            raise WrongState(
                _("No. %(number)s is part of another customer already.") % {"number": customer.pk}, code="merged"
            )
        if "erased" in customer.extra:
            raise WrongState(_("The data of No. %(number)s were erased.") % {"number": customer.pk}, code="erased")
    if kept.is_demo != gone.is_demo:
        raise BadInput(_("A real and an invented customer are never one."), code="demo")


def _check_undoable(merge: CustomerMerge) -> None:
    if merge.undone_at:
        raise WrongState(_("This merge was undone already."), code="undone")
    later = CustomerMerge.objects.filter(
        Q(kept=merge.kept_id) | Q(gone=merge.kept_id), undone_at__isnull=True, pk__gt=merge.pk
    ).last()
    if later is not None:
        numbers = {"gone": later.gone_id, "kept": later.kept_id}
        raise WrongState(
            _("First undo the later merge of No. %(gone)s into No. %(kept)s.") % numbers,
            code="later_merge", extra={"merge": later.pk},
        )  # fmt: skip


# --- the row itself ---------------------------------------------------------------------------------------------------


def _fill_in(kept: Customer, gone: Customer) -> dict[str, list[object]]:
    """What the kept row lacks and the other has. Returns the fields with their values before and after, as JSON has."""
    filled: dict[str, list[object]] = {}
    for name in FILLED:
        before, news = getattr(kept, name), getattr(gone, name)
        if not before and news:
            filled[name] = [_plain(before), _plain(news)]
            setattr(kept, name, news)
    extra = {**gone.extra, **kept.extra}
    if extra != kept.extra:
        filled["extra"] = [kept.extra, extra]
        kept.extra = extra
    kept.save(update_fields=[*filled, "updated_at"])
    return filled


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _restore_fields(kept: Customer, fields: Mapping[str, Sequence[object]]) -> None:
    """Only what still is as the merge left it: somebody may have written another phone since."""
    kept.refresh_from_db()
    unchanged = [name for name, (_before, put) in fields.items() if _plain(getattr(kept, name)) == put]
    for name in unchanged:
        setattr(kept, name, fields[name][0])
    kept.save(update_fields=[*unchanged, "updated_at"])


def _follow(kept: Customer, gone: Customer) -> list[int]:
    """Whoever had become `gone` becomes `kept`: no chains."""
    followers = list(Customer.objects.filter(merged_into=gone).order_by("pk").values_list("pk", flat=True))
    Customer.objects.filter(pk__in=followers).update(merged_into=kept)
    gone.merged_into = kept
    gone.save(update_fields=["merged_into", "updated_at"])
    return followers


def _keep_note(kept: Customer, gone: Customer, by: User | None) -> list[int]:
    if not gone.note or kept.note == gone.note:
        return []
    return [CustomerNote.objects.create(customer=kept, text=gone.note, written_by=by).pk]


# --- consents ---------------------------------------------------------------------------------------------------------


def _newest(customer: Customer, channel: str) -> Consent | None:
    return customer.consents.filter(channel=channel).order_by("-occurred_at", "-id").first()


def _forbidden(customers: Iterable[Customer]) -> set[str]:
    """Channels in which one of them has the last word "no"."""
    words = [_newest(customer, channel) for customer in customers for channel in Channel.values]
    return {word.channel for word in words if word is not None and not word.granted}


def _forbid(customer: Customer, channels: Iterable[str], source: str = "merge") -> list[int]:
    """The last word in these channels is no, from now on if it was not already. Keys of the rows that say so."""
    made = []
    for channel in sorted(channels):
        newest = _newest(customer, channel)
        if newest is None or newest.granted:
            moment = max(timezone.now(), newest.occurred_at) if newest else timezone.now()
            said = customer.consents.create(channel=channel, granted=False, source=source, occurred_at=moment)
            made.append(said.pk)
    return made


def _forbid_again(kept: Customer, gone: Customer, merge: CustomerMerge) -> None:
    since = {
        channel
        for channel in _forbidden([kept])
        if (word := _newest(kept, channel)) is not None and word.recorded_at > merge.merged_at
    }
    _forbid(gone, since, source="merge undone")


# --- what is derived --------------------------------------------------------------------------------------------------


def _take_facts(customer_ids: Sequence[int], *, drop: int) -> dict[str, str]:
    """The rows of facts as text, by customer. Who goes has none from now on, and no list counts them twice."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT customer_id, to_jsonb(facts)::text FROM customers_customerfacts facts
               WHERE customer_id = ANY(%s) ORDER BY customer_id FOR UPDATE""",
            [list(customer_ids)],
        )
        found = {str(pk): str(row) for pk, row in cursor.fetchall()}
        cursor.execute("DELETE FROM customers_customerfacts WHERE customer_id = %s", [drop])
    return found


def _restore_facts(customer_ids: Sequence[int], facts: Mapping[str, str]) -> None:
    """As they were at the merge, until the analysis that is asked for has measured both anew.

    A label that an analysis found since the merge stays until then: it is the newest in the history of labels.
    """
    values: dict[str, Any] = {"ids": list(customer_ids), "rows": [facts[key] for key in sorted(facts)]}
    before = """SELECT facts.* FROM unnest(%(rows)s::text[]) AS kept (row),
                  jsonb_populate_record(NULL::customers_customerfacts, kept.row::jsonb) AS facts"""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""DELETE FROM customers_customerfacts known WHERE customer_id = ANY(%(ids)s) AND NOT EXISTS (
                  SELECT FROM ({before}) was WHERE was.customer_id = known.customer_id
                    AND (was.stage, was."group") <> (known.stage, known."group"))""",  # noqa: S608  our own words
            values,
        )
        cursor.execute(f"INSERT INTO customers_customerfacts {before} ON CONFLICT DO NOTHING", values)


def _restore_membership(kept: Customer) -> None:
    """Points that were booked since stay, and need a member; the database works out the balance."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO customers_membership (customer_id, number, points)
               SELECT %(kept)s, '', 0 WHERE EXISTS (SELECT FROM customers_pointsentry WHERE customer_id = %(kept)s)
               ON CONFLICT (customer_id) DO NOTHING""",
            {"kept": kept.pk},
        )


# --- pairs ------------------------------------------------------------------------------------------------------------


def _carry_pairs(kept: Customer, gone: Customer) -> list[int]:
    """What was proposed or decided about `gone` and a third one holds for `kept` too. Keys of the rows made."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO customers_duplicatepair
                 (first_id, second_id, reasons, score, state, decided_by_id, decided_at, found_at)
               SELECT least(%(kept)s, other), greatest(%(kept)s, other), reasons, score, state, decided_by_id,
                 decided_at, found_at
               FROM (SELECT CASE WHEN first_id = %(gone)s THEN second_id ELSE first_id END AS other, p.*
                     FROM customers_duplicatepair p WHERE %(gone)s IN (first_id, second_id)) pair
               JOIN customers_customer c ON c.id = other AND c.merged_into_id IS NULL
               WHERE other <> %(kept)s AND state <> 'merged'
               ON CONFLICT (first_id, second_id) DO NOTHING RETURNING id""",
            {"kept": kept.pk, "gone": gone.pk},
        )
        return [int(row[0]) for row in cursor.fetchall()]


def _decide(one: Customer, other: Customer, state: DuplicatePair.State, by: User | None) -> None:
    first, second = sorted([one.pk, other.pk])
    DuplicatePair.objects.update_or_create(
        first_id=first, second_id=second, defaults={"state": state, "decided_by": by, "decided_at": timezone.now()}
    )


def _close(merge: CustomerMerge, action: str, facts: Mapping[str, str], by: User | None) -> None:
    """Reach at once, the rest by those who measure; and the record of who did it."""
    ids = [merge.kept_id, merge.gone_id]
    refresh_reach(customer_ids=ids if merge.undone_at else [merge.kept_id])
    audit(action=action, actor=by, target=f"customer:{merge.kept_id}", changes={"gone": merge.gone_id})
    books = sorted({book for row in facts.values() if (book := str(json.loads(row)["book"]))})
    transaction.on_commit(lambda: _announce(ids, books))


def _announce(customer_ids: Sequence[int], books: Sequence[str]) -> None:
    customers_merged.send(sender=CustomerMerge, customer_ids=customer_ids, books=books)
