"""Deleting many rows with everything that hangs on them, by statements instead of objects.

`QuerySet.delete()` fetches each row that a cascade reaches; for half a million demo rows that is minutes and memory.
Here each relation is followed once, and each table gets one DELETE (or UPDATE … SET NULL) with a subquery.
"""

from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.models import QuerySet
from django.db.models.fields.reverse_related import ForeignObjectRel


def delete_set(rows: "QuerySet[Any]") -> int:
    """Delete these rows and what cascades from them; returns how many rows went, those of other tables included.

    Honours CASCADE and SET_NULL. Any other rule is left to the database, which refuses.
    """
    gone = 0
    for relation, hanging in _hanging_on(rows):
        if relation.on_delete is models.CASCADE:
            gone += delete_set(hanging)
        elif relation.on_delete is models.SET_NULL:
            hanging.order_by().update(**{relation.field.name: None})
    return gone + int(rows.order_by()._raw_delete(rows.db))


def _hanging_on(rows: "QuerySet[Any]") -> Iterator[tuple[Any, "QuerySet[Any]"]]:
    for relation in rows.model._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel) and relation.related_model is not rows.model:
            model: Any = relation.related_model
            keys = rows.order_by().values("pk")
            yield relation, model._base_manager.filter(**{f"{relation.field.name}__in": keys})
