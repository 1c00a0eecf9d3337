"""What a person may assign columns to, by what the rows of the file are about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orders.importers import layout_named
from orders.importers.customer_rows import (
    CUSTOMER_FIELDS,
    MappedCustomers,
    guess_customer_columns,
    missing_customer_fields,
)
from orders.importers.mapped import FIELDS, Mapped, missing_fields
from orders.importers.synonyms import guess_columns

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Assignable:
    """`layout` reads a file by the assigned columns; `missing` says in words what an assignment lacks."""

    layout: str
    fields: "Mapping[str, StrOrPromise]"
    missing: Callable[[Mapping[str, str]], list[str]]
    guess: Callable[[list[str]], dict[str, str]]


SUBJECTS = {
    "orders": Assignable(Mapped.name, FIELDS, missing_fields, guess_columns),
    "customers": Assignable(MappedCustomers.name, CUSTOMER_FIELDS, missing_customer_fields, guess_customer_columns),
}


def columns_of_layout(name: str, header: Sequence[str], fields: Mapping[str, object]) -> dict[str, str]:
    """Field → header as a platform's layout reads a file; empty where a layout names no columns."""
    told: Mapping[str, Sequence[str]] = getattr(layout_named(name), "columns", {})
    present = {field: next((name for name in names if name in header), "") for field, names in told.items()}
    return {field: column for field, column in present.items() if column and field in fields}
