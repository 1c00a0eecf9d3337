"""Words on customers: put on and taken off by hand, by an import, or by whoever keeps a tag by a rule."""

from collections.abc import Iterable, Mapping, Sequence

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, WrongState
from customers.locks import hold_present
from customers.models import Customer, CustomerFacts, CustomerTag, Tag

LONGEST = 60

#: One rule is applied once at a time.
LOCK_SPACE = 1006

#: Tags that one customer may get from one hand; a hundred words say no more than none.
MOST_TAGS = 100


def tag_name(text: str) -> str:
    """The word as it is kept: without blanks around it, one between its parts, at most 60 characters. '' for none."""
    return " ".join(text.replace("\x00", "").split())[:LONGEST].strip()


# --- questions --------------------------------------------------------------------------------------------------------


def tags_of(customer: Customer) -> list[CustomerTag]:
    """The customer's tags by name, with who put them there."""
    return list(customer.tags.select_related("tag", "added_by")[:MOST_TAGS])


def tags_with_counts() -> QuerySet[Tag]:
    """Every tag with `customers`, how many carry it, and of these `by_rule` and `by_import`."""
    source, here = CustomerTag.Source, Q(uses__customer__merged_into=None)
    return Tag.objects.annotate(
        customers=Count("uses", filter=here),
        by_rule=Count("uses", filter=here & Q(uses__source=source.RULE)),
        by_import=Count("uses", filter=here & Q(uses__source=source.IMPORT)),
    )


# --- by hand ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def add_tags(*, customer: Customer, names: Iterable[str], by: User | None = None) -> list[str]:
    """Put these words on a customer, making those that are new. Returns the names that the customer did not carry yet.

    What a rule or an import put there becomes hand work, which neither of them takes off again. Raises BadInput where
    no word is given, or where the customer would carry more than 100; WrongState for one who was merged or erased.
    """
    wanted = sorted({clean for name in names if (clean := tag_name(name))})
    if not wanted:
        raise BadInput(_("Write a word to tag with."), code="tag_missing")
    hold_present(customer)
    known = set(customer.tags.values_list("tag__name", flat=True))
    if len(known | set(wanted)) > MOST_TAGS:
        raise BadInput(_("A customer has at most %(count)s tags.") % {"count": MOST_TAGS}, code="too_many_tags")
    _make(wanted)
    _put(Customer.objects.filter(pk=customer.pk), wanted, by)
    news = [name for name in wanted if name not in known]
    audit(action="customer.tag", actor=by, target=f"customer:{customer.pk}", changes={"added": wanted})
    return news


@transaction.atomic
def tag_everybody(*, people: QuerySet[CustomerFacts], name: str, by: User | None = None) -> int:
    """Put one word on many customers, as hand work. Returns how many got it, or had it from a rule or an import."""
    clean = tag_name(name)
    if not clean:
        raise BadInput(_("Write a word to tag with."), code="tag_missing")
    _make([clean])
    count = _put(people, [clean], by)
    audit(action="customer.tag", actor=by, target="customers", changes={"added": [clean], "customers": count})
    return count


def _put(people: QuerySet[CustomerFacts] | QuerySet[Customer], names: Sequence[str], by: User | None) -> int:
    """Each of the words on each of the customers, as hand work. Returns how many rows were made or taken over."""
    select, params = people.order_by().values_list("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_BY_HAND.format(people=select), [by.pk if by else None, *params, list(names)])
        return int(cursor.rowcount)


_BY_HAND = """
    INSERT INTO customers_customertag AS known (customer_id, tag_id, source, added_by_id, added_at)
    SELECT customer.id, tag.id, 'hand', %s, now()
    FROM ({people}) AS customer (id) CROSS JOIN customers_tag tag
    WHERE tag.name = ANY(%s)
    ORDER BY customer.id, tag.id
    ON CONFLICT (customer_id, tag_id) DO UPDATE
        SET source = 'hand', import_id = NULL, added_by_id = excluded.added_by_id
    WHERE known.source <> 'hand'
"""


@transaction.atomic
def remove_tag(*, customer: Customer, tag: Tag, by: User | None = None) -> None:
    """Take a word off a customer. Repeating is harmless. Raises WrongState where a rule keeps it there."""
    use = customer.tags.filter(tag=tag).first()
    if use is None:
        return
    if use.source == CustomerTag.Source.RULE:
        raise WrongState(_("A rule keeps this tag: it would come back. Change the rule."), code="kept_by_rule")
    use.delete()
    audit(action="customer.tag", actor=by, target=f"customer:{customer.pk}", changes={"removed": tag.name})


@transaction.atomic
def save_tag(*, name: str, description: str = "", tag: Tag | None = None, by: User | None = None) -> Tag:
    """A new tag, or another name or description for `tag`. Raises BadInput where the name is missing or taken."""
    clean = tag_name(name)
    if not clean:
        raise BadInput(_("Write a word to tag with."), code="tag_missing")
    saved = tag or Tag()
    was = saved.name
    saved.name, saved.description = clean, description.strip()[:200]
    try:
        with transaction.atomic():
            saved.save()
    except IntegrityError:
        raise BadInput(_("There is a tag of this name already."), code="name_taken") from None
    changes = {"name": clean, "was": was} if tag else {"name": clean}
    audit(action="tag.edit" if tag else "tag.add", actor=by, target=f"tag:{saved.pk}", changes=changes)
    return saved


@transaction.atomic
def delete_tag(*, tag: Tag, by: User | None = None) -> int:
    """Take the tag off everybody and forget it. Returns how many customers carried it."""
    used = tag.uses.count()
    audit(action="tag.delete", actor=by, target=f"tag:{tag.pk}", changes={"name": tag.name, "customers": used})
    tag.delete()
    return used


# --- by import and by rule --------------------------------------------------------------------------------------------


@transaction.atomic
def tag_by_import(*, tags: Mapping[int, Sequence[str]], import_id: int) -> int:
    """Put the words that an import brought on its customers (id → words), making those that are new.

    What a customer carries already stays as it is, whoever put it there. Returns how many uses are new.
    """
    uses = sorted({(pk, clean) for pk, names in tags.items() for name in names if (clean := tag_name(name))})
    if not uses:
        return 0
    _make(sorted({name for _pk, name in uses}))
    with connection.cursor() as cursor:
        cursor.execute(_BY_IMPORT, [import_id, [pk for pk, _name in uses], [name for _pk, name in uses]])
        return int(cursor.rowcount)


_BY_IMPORT = """
    INSERT INTO customers_customertag (customer_id, tag_id, source, import_id, added_at)
    SELECT given.customer, tag.id, 'import', %s, now()
    FROM unnest(%s::bigint[], %s::text[]) AS given (customer, name) JOIN customers_tag tag ON tag.name = given.name
    ORDER BY given.customer, tag.id
    ON CONFLICT (customer_id, tag_id) DO NOTHING
"""


def _make(names: Sequence[str]) -> None:
    """In one order, so that two imports with the same new words do not wait for each other in a ring."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO customers_tag (name, description, created_at)
               SELECT name, '', now() FROM unnest(%s::text[]) AS name ORDER BY name
               ON CONFLICT (name) DO NOTHING""",
            [list(names)],
        )


@transaction.atomic
def keep_tag(*, tag: Tag, members: QuerySet[CustomerFacts]) -> int:
    """Let a rule put the tag on exactly these customers, and return how many they are.

    Whoever carries it by hand or by an import keeps it, and a rule takes nothing over from them.
    """
    select, params = members.order_by().values_list("customer_id").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_SPACE, tag.pk % 2**31])
        cursor.execute(_KEEP.format(members=select), [*params, tag.pk, tag.pk])
        return int(cursor.fetchone()[0])


_KEEP = """
    WITH member (customer_id) AS MATERIALIZED ({members}),
    gone AS (
        DELETE FROM customers_customertag WHERE tag_id = %s AND source = 'rule'
            AND customer_id NOT IN (SELECT customer_id FROM member)
    ),
    come AS (
        INSERT INTO customers_customertag (customer_id, tag_id, source, added_at)
        SELECT customer_id, %s, 'rule', now() FROM member ORDER BY customer_id
        ON CONFLICT (customer_id, tag_id) DO NOTHING
    )
    SELECT count(*) FROM member
"""


@transaction.atomic
def release_tag(*, tag: Tag) -> int:
    """The rule that kept this tag is gone: what it put on is taken off. Returns from how many."""
    return tag.uses.filter(source=CustomerTag.Source.RULE).delete()[0]
