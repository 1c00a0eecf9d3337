"""Rows of every room that point to a customer, moved from one to another: found by looking, not by a list.

A row that would repeat what the other customer has already (a tag, a copy of a campaign, a place in a snapshot) stays
where it is. Rows are named by their keys as text, without the customer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from django.db import connection
from django.db.models import ForeignKey, Model, UniqueConstraint
from django.db.models.fields.reverse_related import ForeignObjectRel

from customers.models import Customer, CustomerFacts, CustomerMerge, DuplicatePair

#: Keys of moved rows by table.
Keys = Mapping[str, Sequence[str]]

#: Columns that name a row of another room by its number only.
_SOFT_LINKS: dict[str, tuple[tuple[str, str], ...]] = {"customers.pointsentry": (('"order_id"', "orders.order"),)}

_kept_apart: set[type[Model]] = {Customer, CustomerFacts, CustomerMerge, DuplicatePair}


def keep_apart(model: type[Model]) -> None:
    """Rows of `model` stay with whom they were made for, like a history that cannot be mixed with another's."""
    _kept_apart.add(model)
    tables.cache_clear()


@dataclass(frozen=True)
class Table:
    """A table with a customer. `uniques`: columns that, with the customer, are unique. `links`: its rows of others."""

    label: str
    name: str
    customer: str
    key: str
    uniques: tuple[tuple[str, ...], ...]
    links: tuple[tuple[str, str], ...]
    has_clock: bool


@cache
def tables() -> tuple[Table, ...]:
    """All tables whose rows go with a person. Those with one row per customer first: others follow them."""
    found = [_table(relation) for relation in Customer._meta.related_objects if _moves(relation)]
    return tuple(sorted(found, key=lambda table: (() not in table.uniques, table.label)))


def _moves(relation: ForeignObjectRel) -> bool:
    return relation.related_model not in _kept_apart


def _table(relation: ForeignObjectRel) -> Table:
    model: type[Model] = relation.related_model  # type: ignore[assignment]
    customer = relation.field.column
    pk = [field.column for field in model._meta.pk_fields]
    key = [f"t.{_quoted(column)}" for column in pk if column != customer]
    fields = [field for field in model._meta.concrete_fields if isinstance(field, ForeignKey)]
    others = [field for field in fields if field.related_model is not Customer]
    return Table(
        label=model._meta.label_lower,
        name=_quoted(model._meta.db_table),
        customer=_quoted(customer),
        key=f"concat_ws('|', {', '.join(key)})" if key else "''",
        uniques=_uniques(model, relation, pk),
        links=(*_SOFT_LINKS.get(model._meta.label_lower, ()), *map(_link, others)),
        has_clock=any(field.name == "updated_at" for field in model._meta.concrete_fields),
    )


def _link(field: "ForeignKey[Model, Model]") -> tuple[str, str]:
    model: type[Model] = field.related_model  # type: ignore[assignment]
    return _quoted(field.column), model._meta.label_lower


def _uniques(model: type[Model], relation: ForeignObjectRel, pk: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    field = relation.field
    sets = [
        [str(model._meta.get_field(name).column) for name in constraint.fields]  # type: ignore[union-attr]
        for constraint in model._meta.constraints
        if isinstance(constraint, UniqueConstraint) and field.name in constraint.fields
    ]
    if field.column in pk:
        sets.append(list(pk))
    elif field.unique:
        sets.append([field.column])
    return tuple(tuple(_quoted(column) for column in columns if column != field.column) for columns in sets)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def move_all(*, source: int, target: int) -> dict[str, list[str]]:
    """Give `target` every row of `source` that it does not have a like of. Keys of what moved, by table."""
    return {table.label: keys for table in tables() if (keys := _move(table, source, target, "true", {}))}


def move_back(*, source: int, target: int, moved: Keys, strangers: Keys) -> None:
    """Give `target` the rows `moved`, and what refers to them and came since, such as the refund of a moved order.

    `strangers` referred to them before already and were of `source`: they stay.
    """
    for table in tables():
        which, values = f"{table.key} = ANY(%(keys)s)", {"keys": list(moved.get(table.label, []))}
        for number, (column, label) in enumerate(table.links):
            if moved.get(label):
                which += f" OR t.{column}::text = ANY(%(link{number})s) AND {table.key} <> ALL(%(strangers)s)"
                values[f"link{number}"] = list(moved[label])
        if any(values.values()):
            _move(table, source, target, f"({which})", {**values, "strangers": list(strangers.get(table.label, []))})


def _move(table: Table, source: int, target: int, which: str, values: Mapping[str, list[str]]) -> list[str]:
    free = "".join(
        f" AND NOT EXISTS (SELECT FROM {table.name} o WHERE o.{table.customer} = %(target)s"
        + "".join(f" AND o.{column} = t.{column}" for column in columns)
        + ")"
        for columns in table.uniques
    )
    clock = ", updated_at = now()" if table.has_clock else ""
    statement = (
        f"UPDATE {table.name} t SET {table.customer} = %(target)s{clock} "  # noqa: S608  names of our own tables
        f"WHERE t.{table.customer} = %(source)s AND {which}{free} RETURNING {table.key}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"source": source, "target": target, **values})
        return [str(row[0]) for row in cursor.fetchall()]


def strangers(*, source: int, target: int) -> dict[str, list[str]]:
    """Rows of `target` that refer to rows of `source`, by table: an order may have changed hands before."""
    found: dict[str, list[str]] = {}
    owners = {table.label: table for table in tables()}
    for table in tables():
        for column, label in table.links:
            if label in owners:
                found.setdefault(table.label, []).extend(_referring(table, column, owners[label], source, target))
    return {label: keys for label, keys in found.items() if keys}


def _referring(table: Table, column: str, owner: Table, source: int, target: int) -> list[str]:
    statement = (
        f"SELECT {table.key} FROM {table.name} t WHERE t.{table.customer} = %s AND t.{column} IN "  # noqa: S608
        f"(SELECT id FROM {owner.name} WHERE {owner.customer} = %s)"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [target, source])
        return [str(row[0]) for row in cursor.fetchall()]
