"""A person's rights: everything that is known of them in one file, and to be forgotten."""

import json
from collections.abc import Iterable, Iterator, Sequence

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.access import retries
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.jobs.models import OPEN_STATES, Job
from crm_suite.lib.digests import address_digest
from crm_suite.lib.errors import WrongState
from customers.addresses import FIELDS, normal_address
from customers.identities import hold_keys, shared_scope
from customers.locks import hold_customers, hold_merging
from customers.models import (
    Channel,
    CommunityMember,
    Consent,
    Customer,
    CustomerMerge,
    CustomerNote,
    CustomerTag,
    DuplicatePair,
    ErasedKey,
    Identity,
    Membership,
    PointsEntry,
    Suppression,
    WeakKey,
)
from customers.services import refresh_reach
from customers.signals import person_erased

#: About our rows, not about the person.
_BOOKKEEPING: set[type[Model]] = {Customer, CustomerMerge, DuplicatePair}
_CLOCKS = {"updated_at", "refreshed_at"}

Row = dict[str, object]


def export_person(customer: Customer) -> dict[str, object]:
    """Everything that any room knows of a person, in an order that does not change: rows by table, times in UTC.

    Also rows that belong to such a row (lines of an order, responses to a message), and under `merged` what stayed with
    the rows that became part of this customer. Left out are the clocks of our own
    rows and what is noted about merging. As JSON has it: amounts and times are text.
    """
    found: dict[str, object] = {"customer": _row(customer)}
    if merged := list(customer.merged.order_by("pk")):
        found["merged"] = [export_person(member) for member in merged]
    for model, name in _relations():
        rows = model._base_manager.filter(**{name: customer.pk}).order_by("pk")
        found[model._meta.label_lower] = _rows(rows)
        for part, path in _parts(model):
            belonging = part._base_manager.filter(**{f"{path}__{name}": customer.pk}).order_by("pk")
            found[part._meta.label_lower] = _rows(belonging)
    plain: dict[str, object] = json.loads(json.dumps(dict(sorted(found.items())), cls=DjangoJSONEncoder))
    return plain


def _relations() -> Iterator[tuple[type[Model], str]]:
    for relation in Customer._meta.related_objects:
        model = relation.related_model
        if model not in _BOOKKEEPING:
            yield model, relation.field.name  # type: ignore[misc]


def _parts(model: type[Model]) -> Iterator[tuple[type[Model], str]]:
    """Tables whose rows belong to a row of `model` and name no customer themselves."""
    elsewhere = {known for known, _name in _relations()} | _BOOKKEEPING
    for relation in model._meta.related_objects:
        if relation.related_model not in elsewhere:
            yield relation.related_model, relation.field.name  # type: ignore[misc]


def _rows(rows: QuerySet[Model]) -> list[Row]:
    return [_row(row) for row in rows.iterator()]


def _row(row: Model) -> Row:
    fields: Sequence[Field[object, object]] = row._meta.concrete_fields
    return {field.attname: field.value_from_object(row) for field in fields if field.name not in _CLOCKS}


def hand_over(*, customer: Customer, by: User | None, request: HttpRequest | None = None) -> dict[str, object]:
    """`export_person`, with a record of who took it."""
    audit(action="customer.hand_over", actor=by, target=f"customer:{customer.pk}", request=request)
    return export_person(customer)


# --- to be forgotten --------------------------------------------------------------------------------------------------


@transaction.atomic
def erase_person(*, customer: Customer, by: User | None) -> None:
    """Forget who a customer is; their orders stay, of nobody known. Cannot be undone. Repeating is harmless.

    Their keys leave digests behind: a later import finds this row by them, and brings neither name nor contact back.
    Their addresses are never written to again, whoever gives them. Raises WrongState for somebody who was merged:
    the one they became is to be erased.
    """
    hold_merging()
    hold_keys()
    if customer.merged_into_id:
        raise WrongState(_("No. %(number)s is part of another customer.") % {"number": customer.pk}, code="merged")
    family = list(Customer.objects.filter(Q(pk=customer.pk) | Q(merged_into=customer)).order_by("pk"))
    ids = [member.pk for member in family]
    hold_customers(ids)
    words = _keys_of(family)
    retries.forget_words([*words, *(member.name for member in family)])
    for member in family:
        _block_addresses(member)
        _hide_keys(member)
        _empty(member)
    _forget_words(ids)
    person_erased.send(sender=Customer, customer_ids=ids, words=words)
    refresh_reach(customer_ids=[customer.pk])
    _forget_searches()
    audit(action="customer.erase", actor=by, target=f"customer:{customer.pk}")


def _keys_of(family: Sequence[Customer]) -> list[str]:
    """The keys of these customers as they are compared and as they were given, before they are hidden."""
    keys = Identity.objects.filter(customer__in=family).values_list("value", "original")
    found = {word for pair in keys for word in pair if not word.startswith("erased:")}
    return sorted(found.union(*({member.phone, member.email} for member in family)) - {""})


def erased_digest(kind: str, scope: str, value: str) -> str:
    """What is left of a key of somebody who was erased. identity_sql.ERASED works out the same."""
    return address_digest(f"{kind}:{scope}:{value}")


def _forget_searches() -> None:
    """What ended exports had been filtered by may be the person's name or phone, and is needed no more."""
    ended = Job.objects.exclude(state__in=OPEN_STATES).filter(params__has_key="query").exclude(params__query="")
    for job in ended.iterator():
        Job.objects.filter(pk=job.pk).update(params={**job.params, "query": ""})


def _block_addresses(customer: Customer) -> None:
    for channel in Channel.values:
        normal = normal_address(channel=channel, text=getattr(customer, FIELDS[channel]))
        if normal:
            given = {"masked": "***", "reason": Suppression.Reason.MANUAL, "source": "erased"}
            Suppression.objects.get_or_create(
                channel=channel, address_digest=address_digest(normal), defaults={**given, "is_demo": customer.is_demo}
            )


def _hide_keys(customer: Customer) -> None:
    """Each key becomes its digest: the same import still finds the same row, and reads nothing from it."""
    scope = shared_scope(is_demo=customer.is_demo)
    contacts = [(Identity.Kind.PHONE, customer.phone), (Identity.Kind.EMAIL, customer.email.lower())]
    for kind, value in contacts:
        if value:  # it may be somebody else's key: then it stays theirs
            Identity.objects.get_or_create(kind=kind, scope=scope, value=value, defaults={"customer": customer})
    for key in [key for key in customer.identities.all() if not key.value.startswith("erased:")]:
        digest = erased_digest(key.kind, key.scope, key.value)
        ErasedKey.objects.get_or_create(digest=digest)
        hidden = f"erased:{digest}"
        # Whoever was merged into them, or somebody who was erased before, may have had the same phone.
        if Identity.objects.filter(kind=key.kind, scope=key.scope, value=hidden).exists():
            key.delete()
        else:
            key.value, key.original, key.source = hidden, "", ""
            key.save(update_fields=["value", "original", "source"])


def _empty(customer: Customer) -> None:
    for name in ("name", "phone", "email", "city", "country", "language", "source", "note"):
        setattr(customer, name, "")
    customer.birthday, customer.extra = None, {"erased": True, "erased_at": timezone.now().isoformat()}
    customer.save()


def _forget_words(customer_ids: Iterable[int]) -> None:
    """What this room holds in free text, and all that says who is the same person."""
    ids = list(customer_ids)
    for model in (WeakKey, CustomerNote, CustomerTag, CommunityMember):
        model._base_manager.filter(customer__in=ids).delete()
    DuplicatePair.objects.filter(Q(first__in=ids) | Q(second__in=ids)).delete()
    CustomerMerge.objects.filter(Q(kept__in=ids) | Q(gone__in=ids)).delete()
    Consent.objects.filter(customer__in=ids).update(proof="")
    PointsEntry.objects.filter(customer__in=ids).exclude(reason="").update(reason="")
    Membership.objects.filter(customer__in=ids).update(number="")
