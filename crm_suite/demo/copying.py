"""COPY into a table: how sixty thousand invented orders arrive in a second instead of a minute."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.utils import timezone

#: What COPY takes for NULL; an empty text stays an empty text.
NULL = r"\N"

Columns = Mapping[str, Sequence[object]]


def reserve_ids(model: type[models.Model], count: int) -> list[int]:
    """`count` fresh primary keys from the table's own sequence, so that nobody else is given them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
            [model._meta.db_table, _key(model).column, count],
        )
        return [row[0] for row in cursor.fetchall()]


def copy_columns(model: type[models.Model], columns: Columns) -> int:
    """Write columns of equal length, by column name; columns not given get the model's defaults.

    Returns the number of rows. Use NULL for what is absent.
    """
    given = list(columns.values())
    defaults = _defaults(model, leaving_out=columns)
    names = [*columns, *defaults]
    rows = zip(*given, *defaults.values(), strict=False) if given and len(given[0]) else iter(())
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    buffer.seek(0)
    listed = ", ".join(connection.ops.quote_name(name) for name in names)
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({listed}) FROM STDIN WITH (FORMAT csv, NULL '{NULL}')", buffer)
        return int(cursor.rowcount)


def update_statistics(*written: type[models.Model]) -> None:
    """Tell PostgreSQL's planner at once; by itself it would notice a minute later."""
    with connection.cursor() as cursor:
        for model in written:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


def _key(model: type[models.Model]) -> "models.Field[Any, Any]":
    assert model._meta.pk is not None
    return model._meta.pk


def _defaults(model: type[models.Model], *, leaving_out: Columns) -> dict[str, Any]:
    """An endless column of the default value for each column that is not given."""
    endless: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        by_database = isinstance(field, (models.AutoField, models.GeneratedField))
        if field.column and field.column not in leaving_out and not by_database:
            endless[field.column] = _endless_default(field)
    return endless


def _endless_default(field: "models.Field[Any, Any]") -> Any:
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return repeat(timezone.now().isoformat())
    if isinstance(field, models.UUIDField) and field.has_default():
        return _each(field.get_default)
    value = field.get_default()
    if isinstance(field, ArrayField):
        return repeat("{}")
    return repeat(NULL if value is None else json.dumps(value) if isinstance(value, (dict, list)) else value)


def _each(make: Callable[[], object]) -> Any:
    while True:
        yield str(make())
