"""Groups outside the platforms in which the store meets customers: who is in them, since when and from where."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Upper
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput
from customers.models import Community, CommunityMember, Customer, Identity
from customers.normalforms import normal_email, normal_phone

#: Lines of one pasted list.
MOST_LINES = 2_000


# --- questions --------------------------------------------------------------------------------------------------------


def communities() -> QuerySet[Community]:
    """Every community with `present`, how many customers are in it, and `gone`, how many have left."""
    here = Q(members__left_on=None, members__customer__merged_into=None)
    return Community.objects.annotate(
        present=Count("members", filter=here), gone=Count("members", filter=Q(members__left_on__isnull=False))
    )


def members_of(community: Community) -> QuerySet[CommunityMember]:
    """Customers who are in it or were, with who they are."""
    return community.members.filter(customer__merged_into=None).select_related("customer")


def communities_of(customer: Customer) -> list[CommunityMember]:
    """Where this customer is or was a member, the newest first; at most fifty."""
    return list(customer.communities.select_related("community")[:50])


@dataclass(frozen=True)
class Match:
    """A line of a pasted list and the customer it names. `problem`: unknown, or several where more than one fits."""

    line: str
    customer: Customer | None
    problem: str = ""


def match_lines(lines: Iterable[str]) -> list[Match]:
    """The customers whom phones, e-mails, nicks on a platform, other keys or numbers (“No. 12”, “#12”) name.

    One match per different line, in their order; blank lines are left out. Names are not looked at: two people often
    have the same. Raises BadInput for more than 2,000 lines.
    """
    wanted = list(dict.fromkeys(clean for line in lines if (clean := " ".join(line.replace("\x00", "").split())[:254])))
    if len(wanted) > MOST_LINES:
        raise BadInput(_("At most 2,000 lines at once."), code="too_many_lines")
    keys = {line: _keys(line) for line in wanted}
    owners = _owners({key for found in keys.values() for key in found})
    people = Customer.objects.present().in_bulk({pk for found in owners.values() for pk in found})
    return [_match(line, {pk for key in keys[line] for pk in owners.get(key, ())}, people) for line in wanted]


def _match(line: str, owners: set[int], people: Mapping[int, Customer]) -> Match:
    found = [people[pk] for pk in sorted(owners) if pk in people]
    if len(found) == 1:
        return Match(line, found[0])
    return Match(line, None, "several" if found else "unknown")


#: (kind, value): a phone, an e-mail, a number of ours, or a key of whatever kind ("").
Key = tuple[str, str]


def _keys(line: str) -> set[Key]:
    found = {("", line), ("", line.lower())}
    if phone := normal_phone(line):
        found.add((Identity.Kind.PHONE, phone))
    if email := normal_email(line):
        found.add((Identity.Kind.EMAIL, email))
    number = line.removeprefix("No.").removeprefix("#").strip()
    if number != line and number.isdecimal() and len(number) < 16:
        found.add(("number", number))
    return found


def _owners(keys: set[Key]) -> dict[Key, set[int]]:
    """Customer ids by key, in four questions however many keys there are."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, value in keys:
        by_kind[kind].append(value)
    phones, emails = by_kind[Identity.Kind.PHONE], by_kind[Identity.Kind.EMAIL]
    owners: dict[Key, set[int]] = defaultdict(set)
    known = Identity.objects.order_by().filter(value__in={*by_kind[""], *phones, *emails})
    for kind, value, pk in known.values_list("kind", "value", "customer_id"):
        owners["", value].add(pk)
        owners[kind, value].add(pk)
    people = Customer.objects.order_by()
    for phone, pk in people.filter(phone__in=phones).values_list("phone", "pk"):
        owners[Identity.Kind.PHONE, phone].add(pk)
    shouted = people.annotate(shouted=Upper("email")).filter(shouted__in=[email.upper() for email in emails])
    for email, pk in shouted.values_list("email", "pk"):
        owners[Identity.Kind.EMAIL, email.lower()].add(pk)
    for pk in people.filter(pk__in=by_kind["number"]).values_list("pk", flat=True):
        owners["number", str(pk)].add(pk)
    return owners


# --- verbs ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def save_community(*, community: Community, by: User | None = None) -> Community:
    """A new or changed community. Raises BadInput where another of its kind has the name or the number."""
    is_new = community.pk is None
    try:
        with transaction.atomic():
            community.save()
    except IntegrityError:
        raise BadInput(_("There is a group of this kind with this name or number already."), code="taken") from None
    changes = {"name": community.name, "kind": community.kind}
    action = "community.add" if is_new else "community.edit"
    audit(action=action, actor=by, target=f"community:{community.pk}", changes=changes)
    return community


@transaction.atomic
def delete_community(*, community: Community, by: User | None = None) -> None:
    """Forget a group and who was in it."""
    changes = {"name": community.name, "members": community.members.count()}
    audit(action="community.delete", actor=by, target=f"community:{community.pk}", changes=changes)
    community.delete()


@transaction.atomic
def add_members(
    *, community: Community, customer_ids: Sequence[int], since: date, source: str = "", by: User | None = None
) -> int:
    """Let customers be members since a day. Who is one already stays as they are; who had left is back since `since`.

    Returns how many joined or came back.
    """
    with connection.cursor() as cursor:
        cursor.execute(_JOIN, [community.pk, since, source.strip()[:80], sorted({*customer_ids})])
        joined = int(cursor.rowcount)
    if joined:
        changes = {"members": joined, "since": since.isoformat()}
        audit(action="community.join", actor=by, target=f"community:{community.pk}", changes=changes)
    return joined


_JOIN = """
    INSERT INTO customers_communitymember AS known (community_id, customer_id, since, source, added_at)
    SELECT %s, customer, %s, %s, now() FROM unnest(%s::bigint[]) AS customer ORDER BY customer
    ON CONFLICT (community_id, customer_id) DO UPDATE
        SET since = excluded.since, source = excluded.source, left_on = NULL, added_at = excluded.added_at
    WHERE known.left_on IS NOT NULL
"""


@transaction.atomic
def record_leaving(*, member: CommunityMember, on: date, by: User | None = None) -> CommunityMember:
    """The customer has left. Raises BadInput for a day before they joined."""
    if on < member.since:
        raise BadInput(_("Nobody leaves before joining."), code="left_before_joining")
    member.left_on = on
    member.save(update_fields=["left_on"])
    changes = {"customer": member.customer_id, "left": on.isoformat()}
    audit(action="community.leave", actor=by, target=f"community:{member.community_id}", changes=changes)
    return member
