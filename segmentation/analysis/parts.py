"""A full run in ranges of customers: any worker on any machine takes the next one, and holds its row while it works.

Whoever is killed lets its range go at that moment, with everything it had written of it, and another takes it.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from time import sleep
from zlib import crc32

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from customers.books import Book, books, largest
from segmentation.analysis import known, reading, writing
from segmentation.analysis.people import EPOCH, Measures, labels
from segmentation.analysis.prospects import prospect_labels, prospects
from segmentation.analysis.reading import CustomerRange, Who
from segmentation.analysis.results import measures_of
from segmentation.analysis.shelf import Shelf, changes_of
from segmentation.analysis.summary import PURCHASE, ShopPlaces, summarise
from segmentation.models import AnalysisRun, RunPart
from segmentation.options import Measuring, measured_with
from segmentation.rfm import Ints

LOCK_SPACE = 3001
POLL = 0.01


def lock_key(book: str) -> int:
    """Whoever leads a refresh of the book holds the session lock (LOCK_SPACE, key): gone the moment they die."""
    return crc32(book.encode()) - 2**31


def is_led(book: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND classid = %s AND objid = %s AND objsubid = 2)""",
            [LOCK_SPACE, lock_key(book) & 0xFFFFFFFF],
        )
        return bool(cursor.fetchone()[0])


@dataclass(frozen=True)
class Plan:
    """What all ranges of a run need to know. `everything`: all books; a customer belongs to one of them."""

    run: int
    book: Book
    everything: tuple[Book, ...]
    as_of: date
    measuring: Measuring

    @classmethod
    def of(cls, run: AnalysisRun) -> "Plan":
        everything = tuple(books())
        book = next(book for book in everything if book.code == run.book)
        return cls(run.pk, book, everything, run.as_of, measured_with(run.options))

    @cached_property
    def codes(self) -> list[str]:
        return [book.code for book in self.everything]

    @cached_property
    def homes(self) -> dict[bool, str | None]:
        """Where those without any order belong, of the demo or not."""
        found = {flag: largest([book for book in self.everything if book.is_demo == flag]) for flag in (True, False)}
        return {flag: home.code if home else None for flag, home in found.items()}

    @cached_property
    def shops(self) -> ShopPlaces:
        return reading.shop_places(self.codes)

    @property
    def since(self) -> date | None:
        """First day of the window that scores look at; None for all time."""
        days = self.measuring.window_days
        return self.as_of - timedelta(days=days - 1) if days else None


@dataclass(frozen=True)
class Looked:
    """Buyers and prospects of the book among some customers, their packed labels in force, the buyers' spells."""

    people: NDArray[np.void]
    labels: NDArray[np.int32]
    returned: Ints


def look_at(plan: Plan, who: Who) -> Looked:
    """Read some customers, and what their facts say so far."""
    present = reading.present(who)
    rows = reading.purchases(who, as_of=plan.as_of)
    assert rows.dtype == PURCHASE
    bought, is_known = reading.customers_among(present["customer"], rows["customer"])
    if not is_known.all():
        rows = rows[is_known]
    since = (plan.since - EPOCH).days if plan.since else None
    summary = summarise(rows, shops=plan.shops, book=plan.codes.index(plan.book.code), since=since)
    _take_refunds(plan, who, summary.people)
    others = prospects(present[~bought], book=plan.book.code, books=plan.codes, homes=plan.homes, as_of=plan.as_of)
    people = np.concatenate([summary.people, others])
    return Looked(people, known.labels_in_force(people, known.facts(who, book=plan.book.code)), summary.returned)


def _take_refunds(plan: Plan, who: Who, people: NDArray[np.void]) -> None:
    at, found = reading.matching(people, reading.refunds(who, book=plan.book, as_of=plan.as_of, since=plan.since))
    people["refunds"][at] = found["refunds"]
    # Given back, but the platform does not say for which order: lowers M, not F.
    people["net"][at] -= found["unplaced"]
    people["window_net"][at] -= found["window"] if plan.since else found["unplaced"]


def differing(
    plan: Plan, measures: Measures, people: NDArray[np.void], in_force: NDArray[np.int32]
) -> NDArray[np.void]:
    """Label the people; rows of those whose facts differ."""
    found = prospect_labels(len(people))
    bought = people["orders"] > 0
    found[bought] = labels(people[bought], measures, measuring=plan.measuring, as_of=plan.as_of)
    return writing.differing(people, found, in_force)


def read_part(plan: Plan, part: RunPart) -> None:
    found = look_at(plan, CustomerRange(part.after, part.upto))
    Shelf(plan.run).put(part.number, found.people, found.labels)
    part.returned, part.state = found.returned.tolist(), RunPart.State.READ


def compare_part(plan: Plan, measures: Measures, part: RunPart) -> None:
    shelf = Shelf(plan.run)
    changes_of(plan.run).add(differing(plan, measures, shelf.people(part.number), shelf.labels(part.number)))
    part.state = RunPart.State.COMPARED


@contextmanager
def _claimed(run: int, state: RunPart.State) -> Iterator[RunPart | None]:
    """The next range in this state that nobody holds, until the end of the transaction. The commit need not reach the
    disk: what a range comes to lies in tables that a crash of the server empties."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
        waiting = RunPart.objects.select_for_update(skip_locked=True).filter(run=run, state=state)
        part = waiting.order_by("number").first()
        yield part
        if part is not None:
            part.worker = f"{socket.gethostname()}:{os.getpid()}"
            part.save(update_fields=["state", "returned", "worker"])


def take_one(run: int, state: RunPart.State, work: Callable[[RunPart], None]) -> bool:
    """Do one range; False where none is free."""
    with _claimed(run, state) as part:
        if part is not None:
            work(part)
    return part is not None


def finish_all(run: int, state: RunPart.State, work: Callable[[RunPart], None], tell: Callable[[], None]) -> None:
    """Until no range is in this state: do what is free, wait for what others hold. `tell` after each."""
    while True:
        if take_one(run, state, work):
            tell()
        elif RunPart.objects.filter(run=run, state=state).exists():
            sleep(POLL)
        else:
            return


def help_with(run_id: int) -> int:
    """Take ranges of somebody else's run until it is over or nobody leads it. Returns how many steps were done here."""
    done = 0
    while run := AnalysisRun.objects.filter(pk=run_id, state=AnalysisRun.State.RUNNING).first():
        if _help_once(run):
            done += 1
        elif is_led(run.book):
            sleep(POLL)
        else:
            break
    return done


def _help_once(run: AnalysisRun) -> bool:
    plan = Plan.of(run)
    if take_one(run.pk, RunPart.State.WAITING, lambda part: read_part(plan, part)):
        return True
    measures = measures_of(run)
    if measures is None:
        return False
    return take_one(run.pk, RunPart.State.READ, lambda part: compare_part(plan, measures, part))
