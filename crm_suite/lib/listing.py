"""Lists that may hold a million rows: the next page costs what the first one costs, and nothing counts them all.

Keyset paging: a page continues after the last row's (sort value, primary key) instead of skipping n rows. Rows whose
sort value is unknown come last in both directions, as a second run of the same query, so that an index serves both.
The state of the list is its URL: `?sort=-net_amount&after=…`.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import F, Field, Model, OrderBy, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from crm_suite.lib.errors import BadInput

Row = TypeVar("Row")

COUNTED = 10_000  # rows up to which a total is exact
KEY = "listing_key"


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """One page of a list. `total` is exact up to 10,000; beyond that `is_exact` is False and there are more."""

    rows: list[Row]
    total: int
    is_exact: bool
    next_url: str | None
    previous_url: str | None
    sort: str
    sortable: tuple[str, ...]
    query: str

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Column:
    """What the list is ordered by: a field path, its direction, and whether it may be unknown."""

    path: str
    descending: bool
    nullable: bool
    field: "Field[Any, Any] | None"

    @property
    def name(self) -> str:
        return f"-{self.path}" if self.descending else self.path


@dataclass(frozen=True)
class Mark:
    """The row that a page continues from: `value` None where the sort value is unknown."""

    value: str | None
    pk: Any

    def encoded(self) -> str:
        return urlsafe_b64encode(json.dumps([self.value, self.pk]).encode()).decode().rstrip("=")


def listing(
    request: HttpRequest,
    queryset: QuerySet[Any, Row],
    *,
    order: Sequence[str],
    per_page: int = 50,
    total: int | None = None,
    walks: bool | None = None,
) -> Listing[Row]:
    """One page of `queryset`, ordered by the column of `?sort=` if it is among `order`, else by the first of `order`.

    `order` names field paths, with "-" where the biggest comes first when nothing is asked; either direction may be
    asked for any of them. `?after=` and `?before=` hold marks made here; one that cannot be read shows the first page.
    `total`: how many there are, where it is known. `walks`: rows are come across in the order of the list, by an index;
    by default where there are more than are counted.
    """
    column = _column(queryset, order, request.GET.get("sort", ""))
    before = _mark(request.GET.get("before", ""), column)
    after = None if before else _mark(request.GET.get("after", ""), column)
    backwards = before is not None
    counted = queryset.order_by()[: COUNTED + 1].count() if total is None else total
    is_short = counted <= COUNTED if walks is None else not walks
    ordered = _Ordered(queryset.annotate(**{KEY: F(column.path)}), column, is_short=is_short)
    rows = ordered.page(before or after, backwards=backwards, size=per_page + 1) if counted else []
    has_more, rows = len(rows) > per_page, rows[:per_page]
    if backwards:
        rows.reverse()
    has_next = bool(rows) and (has_more or backwards)
    has_previous = bool(rows) and (has_more if backwards else after is not None)
    return Listing(
        rows=rows,
        total=min(counted, COUNTED) if total is None else total,
        is_exact=total is not None or counted <= COUNTED,
        next_url=_url(request, after=_mark_of(rows[-1], column)) if has_next else None,
        previous_url=_url(request, before=_mark_of(rows[0], column)) if has_previous else None,
        sort=column.name,
        sortable=tuple(name.lstrip("-") for name in order),
        query=_url(request, sort=None),
    )


def _column(queryset: QuerySet[Any, Any], order: Sequence[str], asked: str) -> Column:
    name = asked if asked.lstrip("-") in {known.lstrip("-") for known in order} else order[0]
    path = name.lstrip("-")
    field, nullable = _field(queryset, path)
    return Column(path=path, descending=name.startswith("-"), nullable=nullable, field=field)


def _field(queryset: QuerySet[Any, Any], path: str) -> "tuple[Field[Any, Any] | None, bool]":
    """The field behind a path and whether its value may be unknown; whatever crosses a relation may be."""
    if path in queryset.query.annotations:
        return queryset.query.annotations[path].output_field, True
    model: type[Model] = queryset.model
    steps = path.split("__")
    for step in steps[:-1]:
        model = model._meta.get_field(step).related_model  # type: ignore[assignment]
    try:
        field = model._meta.pk if steps[-1] == "pk" else model._meta.get_field(steps[-1])
    except FieldDoesNotExist:
        raise BadInput(f"{path} is no column of this list.", code="unknown_column") from None
    return field, len(steps) > 1 or bool(getattr(field, "null", True))  # type: ignore[return-value]


@dataclass(frozen=True)
class _Ordered(Generic[Row]):
    """The rows in the order of a column. `is_short`: few, or none that an index in this order comes across soon.

    A short list is what few of many rows fit: walking an index in the order of the list until fifty of them have come
    by may mean walking all of it. So its order is written in a way that no index serves, which leaves the conditions
    to lead to the rows.
    """

    rows: QuerySet[Any, Row]
    column: Column
    is_short: bool

    def page(self, mark: Mark | None, *, backwards: bool, size: int) -> list[Row]:
        """Up to `size` rows beyond `mark`, nearest first. The known values stand before the unknown ones."""
        runs = [False, True] if self.column.nullable else [False]
        if backwards:
            runs.reverse()
        if mark is not None:
            runs = runs[runs.index(mark.value is None) :] if (mark.value is None) in runs else runs
        found: list[Row] = []
        for unknown in runs:
            if len(found) < size:
                part = self._run(unknown=unknown, backwards=backwards)
                if mark is not None and unknown == (mark.value is None):
                    part = _beyond(part, self.column, mark, backwards=backwards)
                found += list(part[: size - len(found)])
        return found

    def _run(self, *, unknown: bool, backwards: bool) -> QuerySet[Any, Row]:
        descending = self.column.descending != backwards
        rows = self.rows.filter(**{f"{self.column.path}__isnull": unknown}) if self.column.nullable else self.rows
        keys = ["pk"] if unknown else [self.column.path, "pk"]
        return rows.order_by(*[self._by(key, descending=descending) for key in keys])

    def _by(self, path: str, *, descending: bool) -> OrderBy:
        is_stored = path not in self.rows.query.annotations
        return OrderBy(Coalesce(F(path), F(path)) if self.is_short and is_stored else F(path), descending=descending)


def _beyond(queryset: QuerySet[Any, Row], column: Column, mark: Mark, *, backwards: bool) -> QuerySet[Any, Row]:
    less = "lt" if column.descending != backwards else "gt"
    if mark.value is None:
        return queryset.filter(**{f"pk__{less}": mark.pk})
    # The first condition is implied by the second; it is what lets the index start at the mark.
    return queryset.filter(**{f"{column.path}__{less}e": mark.value}).filter(
        Q(**{f"{column.path}__{less}": mark.value}) | Q(**{f"pk__{less}": mark.pk})
    )


def _mark_of(row: Any, column: Column) -> Mark:
    value, pk = (row[KEY], row["pk"]) if isinstance(row, dict) else (getattr(row, KEY), row.pk)
    if value is not None and hasattr(value, "isoformat"):
        value = value.isoformat()
    return Mark(value=None if value is None else str(value), pk=pk)


def _mark(text: str, column: Column) -> Mark | None:
    """The mark in a URL, or None where there is none or somebody wrote nonsense."""
    if not text:
        return None
    try:
        value, pk = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(pk, int) or not (value is None or isinstance(value, str)):
            return None
        if column.field is not None and value is not None:
            column.field.to_python(value)
    except (ValueError, TypeError, ValidationError):
        return None
    return Mark(value=value, pk=pk)


def _url(request: HttpRequest, **changes: Mark | None) -> str:
    """This page's query string with another mark; `sort=None` leaves out place and order, for a header's link."""
    query = request.GET.copy()
    for name in ("after", "before", *changes):
        query.pop(name, None)
    for name, mark in changes.items():
        if mark is not None:
            query[name] = mark.encoded()
    return "?" + query.urlencode()
