"""Membership of a set that the database makes once, however many customers are asked about."""

from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.sql.compiler import SQLCompiler

_SET = """EXISTS(SELECT 1 FROM (WITH made (customer) AS MATERIALIZED (%(subquery)s)
 SELECT made.customer FROM made%(padding)s) AS found WHERE found.customer = %(whose)s)"""
#: One row, of which the planner expects a thousand.
_PADDING = " CROSS JOIN generate_series(1, (SELECT 1)) AS one"


class Among(Subquery):
    """Whether the customer is one of those that `whose` selects, for conditions on CustomerFacts.

    Materialized, because the planner cannot tell how many customers a list of rows comes to: it would look for the rows
    again for each customer who passes by, or let every parallel worker find them all. EXISTS, so that NOT is an anti
    join and not a list to be searched.

    `is_long`: the planner expects too few of them, ten of AnyOf whatever comes. Told to expect a thousand times as
    many, it reads the facts once instead of customer by customer.
    """

    output_field = BooleanField()
    template = "%(subquery)s"

    def __init__(self, whose: QuerySet[Any, Any], *, is_long: bool = False) -> None:
        super().__init__(whose)
        self.whose: Any = F("pk")
        self.padding = _PADDING if is_long else ""

    def get_source_expressions(self) -> list[Any]:
        return [*super().get_source_expressions(), self.whose]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        *rest, self.whose = exprs
        super().set_source_expressions(rest)

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> tuple[str, Any]:
        made, before = super().as_sql(compiler, connection, **extra)
        whose, after = compiler.compile(self.whose)
        return _SET % {"subquery": made, "padding": self.padding, "whose": whose}, (*before, *after)


class AnyOf(Func):
    """Whether a column is among the values that rows select, found once and looked up in order by the column's index.

    A join of half a million lines with five million orders takes eight times as long. Only for a column that an index
    begins with, and where that index is the way to the rows: a list is searched from its start for any other row.
    """

    output_field = BooleanField()
    template = "(%(expressions)s))"
    arg_joiner = " = ANY("

    def __init__(self, column: str | Combinable, values: QuerySet[Any, Any]) -> None:
        super().__init__(column, ArraySubquery(values))
