"""Rows whose parent is gone: the price of keys that the database does not check, because checking halves an import.

Which keys these are is read from the models, of every room; Django deletes children with their parents, so that only
what happened at the very same moment can leave any behind.
"""

from collections.abc import Iterator

from django.apps import apps
from django.db import transaction
from django.db.models import Exists, ForeignKey, Model, OuterRef, QuerySet

Key = ForeignKey[Model, Model]


def unguarded() -> list[Key]:
    """Foreign keys without a check in the database."""
    fields = (field for model in apps.get_models() for field in model._meta.concrete_fields)
    return [field for field in fields if isinstance(field, ForeignKey) and not getattr(field, "db_constraint", True)]


def orphans(key: Key) -> QuerySet[Model]:
    """Rows that name a parent by this key which does not exist."""
    parents = key.remote_field.model._base_manager.filter(pk=OuterRef(key.attname))
    return key.model._base_manager.filter(**{f"{key.name}__isnull": False}).filter(~Exists(parents))


def name_of(key: Key) -> str:
    """touchpoints.touchpoint.order: how a key is called in counts."""
    return f"{key.model._meta.label_lower}.{key.name}"


def count_orphans() -> dict[str, int]:
    """Name of each unguarded key → rows whose parent is gone; keys without any are left out."""
    counts = {name_of(key): orphans(key).order_by().count() for key in unguarded()}
    return {name: n for name, n in counts.items() if n}


@transaction.atomic
def clear_orphans() -> int:
    """Rows that need their parent go, others forget it; repeated until none is left, as orders have children of their
    own. Returns how many rows were deleted or changed."""
    return sum(iter(lambda: sum(_cleared()), 0))


def _cleared() -> Iterator[int]:
    for key in unguarded():
        found = orphans(key).order_by()
        if key.null:
            yield found.update(**{key.name: None})
        else:
            deleted, _by_model = found.delete()
            yield deleted
