"""Customers who have not brought in what it cost to win them, though they had the time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from customers.books import Book
from customers.models import Customer, CustomerFacts, Stage
from orders.sql import kept, rows
from segmentation.acquisition.costs import Days
from segmentation.acquisition.newcomers import BOUGHT, statement, values_of
from segmentation.acquisition.source_sql import NEWCOMERS

#: Rows that are paged through on screen; the export has all of them.
SHOWN = 1_000
BATCH = 2_000

#: What to do next with somebody who has not paid back, by stage; "" where the stage is not known.
NEXT_STEPS: Mapping[str, str | Promise] = {
    Stage.NEW: _("Invite to a second purchase"),
    Stage.ACTIVE: _("Raise the order value; spend nothing more"),
    Stage.SILENT: _("One reminder, by e-mail or on the platform"),
    Stage.DORMANT: _("One last offer, then stop writing"),
    Stage.LOST: _("Stop writing; hand to a cheaper channel"),
    "": _("Decide after the next analysis"),
}


@dataclass(frozen=True)
class Debtor:
    """`brought`: net amount or margin up to now; `cost`: of a new customer of the source."""

    customer_id: int
    source: str
    first_on: date
    last_on: date
    orders: int
    brought: Decimal
    cost: Decimal

    @property
    def missing(self) -> Decimal:
        return self.cost - self.brought


@dataclass(frozen=True)
class Unpaid:
    """`n` of the `of` customers who have had the time have not paid back, and lack `missing` together.

    `rows`: the latest `SHOWN` of them.
    """

    of: int
    n: int
    missing: Decimal
    rows: list[Debtor]


@dataclass(frozen=True)
class Question:
    """Customers won in `days` by the sources in `costs`, at least `after` days before `as_of`."""

    book: Book
    days: Days
    as_of: date
    after: int
    basis: str
    costs: Mapping[str, Decimal]

    @property
    def values(self) -> dict[str, Any]:
        return {
            **values_of(self.book, self.days), "as_of": self.as_of, "until": self.as_of - timedelta(days=self.after),
            "sources": list(self.costs), "costs": list(self.costs.values()),
        }  # fmt: skip

    @property
    def sql(self) -> str:
        return statement(UNPAID, self.basis)


def unpaid(asked: Question) -> Unpaid:
    """Kept for ten minutes."""
    parts = (asked.book.code, asked.book.shop_ids, asked.days, asked.as_of, asked.after, asked.basis, asked.costs)
    return kept("unpaid", *parts, compute=lambda: _unpaid(asked))


def _unpaid(asked: Question) -> Unpaid:
    found = rows(asked.sql, {**asked.values, "most": SHOWN})
    of, n, missing = found[0][:3]
    return Unpaid(of, n, missing, [Debtor(*row[3:]) for row in found if row[3] is not None])


@dataclass(frozen=True)
class Shown:
    """A debtor with who they are, and what to do next. `facts` is None where no analysis has seen them."""

    debtor: Debtor
    customer: Customer
    facts: CustomerFacts | None

    @property
    def stage(self) -> str:
        return self.facts.stage if self.facts else ""

    @property
    def next_step(self) -> str:
        return str(NEXT_STEPS.get(self.stage, NEXT_STEPS[""]))


def with_people(debtors: list[Debtor]) -> list[Shown]:
    """In the same order; who is gone meanwhile is left out."""
    people = Customer.objects.select_related("facts").in_bulk([debtor.customer_id for debtor in debtors])
    known = [(debtor, people[debtor.customer_id]) for debtor in debtors if debtor.customer_id in people]
    return [Shown(debtor, customer, getattr(customer, "facts", None)) for debtor, customer in known]


def every_debtor(asked: Question) -> Iterator[Shown]:
    """All of them, read from the database in batches."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(asked.sql, {**asked.values, "most": None})
        while batch := cursor.fetchmany(BATCH):
            yield from with_people([Debtor(*row[3:]) for row in batch if row[3] is not None])


UNPAID = f"""
WITH {NEWCOMERS}, {BOUGHT}, priced AS (
  SELECT * FROM unnest(%(sources)s::text[], %(costs)s::numeric[]) AS one (source, cost)
), purse AS MATERIALIZED (
  SELECT a.customer_id, a.source, a.first_on, max(a.paid_on) AS last_on, count(*) AS orders, sum(a.amount) AS brought
  FROM amounts a WHERE a.first_on <= %(until)s GROUP BY 1, 2, 3
), debtor AS (SELECT u.*, p.cost FROM purse u JOIN priced p USING (source) WHERE u.brought < p.cost)
SELECT counted.*, latest.customer_id, latest.source, latest.first_on, latest.last_on, latest.orders, latest.brought,
  latest.cost
FROM (SELECT (SELECT count(*) FROM purse), count(*), coalesce(sum(cost - brought), 0) FROM debtor) AS counted
LEFT JOIN (
  SELECT * FROM debtor ORDER BY first_on DESC, customer_id DESC LIMIT %(most)s
) AS latest ON true ORDER BY latest.first_on DESC, latest.customer_id DESC
"""  # noqa: S608  our own words
