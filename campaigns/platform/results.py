"""What a platform answered about a file: a table with a buyer and a result in each row, in whichever words.

Every row becomes a piece of news of our own provider "platform" and goes the way of all receipts: by rank, each once.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.channels.base import Event
from campaigns.channels.kinds import digest_of
from campaigns.channels.opening import PLATFORM, ensure_carried
from campaigns.delivery.sql import changed
from campaigns.media import refuse_platform
from campaigns.models import PlatformFile, PlatformRow, Provider
from campaigns.news import inbox
from campaigns.platform.files import CARRIED, mark_uploaded
from campaigns.platform.words import KINDS, NO_MORE, Columns, bare, columns_of, moment_of, ruined
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, WrongState
from orders.importers.decoding import read_head
from orders.importers.opening import clean_copy

LARGEST = 10 * 1024 * 1024  # bytes
MOST_ROWS = 50_000
#: Bad rows that are named; the others are counted.
SHOWN = 200


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that says nothing usable; `row` as a spreadsheet counts, the header's included."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One usable row: what the platform says (`words`) about this buyer, and when, if it says so."""

    recipient: str
    words: str
    at: datetime | None


#: A row of ours, and what was said about it.
Told = tuple[PlatformRow, Answer]


@dataclass
class Imported:
    """What came of a file of results. `new`: rows that told something for the first time; `bad_rows`: all bad ones."""

    rows: int = 0
    new: int = 0
    bad_rows: int = 0
    bad: list[BadRow] = field(default_factory=list)

    def refuse(self, row: int, column: str, reason: str) -> None:
        self.bad_rows += 1
        if len(self.bad) < SHOWN:
            self.bad.append(BadRow(row, column, reason))


def import_results(*, file: PlatformFile, upload: IO[bytes], by: User | None) -> Imported:
    """Read the results of one of our files; whoever has them has uploaded it. The same file again changes nothing.

    Raises WrongState for a file that nobody fetched or that was withdrawn, BadInput for what is no table of results.
    """
    file = PlatformFile.objects.select_related("campaign__shop").get(pk=file.pk)
    if file.state not in CARRIED and (file.state != PlatformFile.State.READY or file.fetched_at is None):
        raise WrongState(_("Nobody has fetched this file, or it was withdrawn."), code="not_fetched")
    with TemporaryDirectory() as folder:
        result, answers = _read(file, _kept(upload, Path(folder)))
    _store(file, result, answers, by)
    inbox.apply_events()
    return result


def _kept(upload: IO[bytes], folder: Path) -> Path:
    data = upload.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise BadInput(_("The file is larger than %(n)s megabytes.") % {"n": LARGEST // 1024**2}, code="too_large")
    source = folder / "upload"
    source.write_bytes(data)
    return source


def _read(file: PlatformFile, source: Path) -> tuple[Imported, list[Told]]:
    target = source.with_name("clean.csv")
    shape = clean_copy(source, target, is_known=columns_of)
    columns = columns_of(shape.header)
    if columns is None:
        words = {"columns": ", ".join(shape.header[:12])}
        raise BadInput(_("No column for the buyer and for the result was found among: %(columns)s.") % words)
    entries = {bare(entry.recipient): entry for entry in file.entries.select_related("message") if entry.recipient}
    result, answers = Imported(), dict[int, Told]()
    for number, cells in _rows(target, shape.delimiter, bool(shape.title)):
        result.rows += 1
        answer = _answer(result, number, columns, cells, file.campaign.shop.timezone)
        entry = entries.get(answer.recipient) if answer else None
        if answer is not None and entry is None:
            result.refuse(number, columns.recipient, _("“%(name)s” is not in this file.") % {"name": answer.recipient})
        elif answer is not None and entry is not None:
            answers[entry.pk] = (entry, answer)  # the last row about somebody is the newest
    return result, list(answers.values())


def _rows(path: Path, delimiter: str, has_title: bool) -> Iterator[tuple[int, dict[str, str]]]:
    head = read_head(path, delimiter)
    with path.open("rb") as raw:
        raw.seek(head.start)
        rows = csv.reader(io.TextIOWrapper(raw, "utf-8", newline=""), delimiter=delimiter)
        for number, cells in enumerate(rows, 3 if has_title else 2):
            if number > MOST_ROWS:
                words = {"n": f"{MOST_ROWS:,}"}
                raise BadInput(_("More than %(n)s rows: give it in parts.") % words, code="too_many_rows")
            if any(cell.strip() for cell in cells):
                yield number, dict(zip(head.names, cells, strict=False))


def _answer(result: Imported, number: int, columns: Columns, cells: dict[str, str], zone: str) -> Answer | None:
    """The row, if it says something; what is wrong with it is noted."""
    name, words = bare(cells.get(columns.recipient, "")), bare(cells.get(columns.result, ""))
    told = bare(cells.get(columns.moment, "")) if columns.moment else ""
    at = moment_of(told, ZoneInfo(zone)) if told else None
    if not name:
        result.refuse(number, columns.recipient, _("The buyer is missing."))
    elif ruined(name):
        result.refuse(number, columns.recipient, _("A spreadsheet has shortened this number."))
    elif words.lower() not in KINDS:
        result.refuse(number, columns.result, _("“%(words)s” is no known result.") % {"words": words[:40]})
    elif told and (at is None or at > timezone.now()):
        result.refuse(number, columns.moment, _("“%(time)s” is no moment in the past.") % {"time": told[:40]})
    else:
        return Answer(name, words, at)
    return None


@transaction.atomic
def _store(file: PlatformFile, result: Imported, answers: Sequence[Told], by: User | None) -> None:
    ensure_carried()
    if answers:
        mark_uploaded(file=file, by=by)
        now = timezone.now()
        PlatformFile.objects.filter(pk=file.pk).update(state=PlatformFile.State.ANSWERED, answered_at=now)
    events = [_event(entry, answer) for entry, answer in answers]
    changed(_NOTE, [[entry.pk for entry, _answer in answers], [answer.words[:100] for _entry, answer in answers]])
    result.new = inbox.store_events(provider=Provider.objects.get(code=PLATFORM), events=events)
    unwanted = [entry.message.address_digest for entry, answer in answers if answer.words.lower() in NO_MORE]
    refuse_platform(digests=unwanted, source=f"results of {file}")
    changes = {"rows": result.rows, "new": result.new, "bad": result.bad_rows}
    target = f"platform_file:{file.campaign_id}/{file.number}"
    audit(action="platform_file.results", actor=by, target=target, changes=changes)
    file.refresh_from_db()


_NOTE = """
    UPDATE campaigns_platformrow AS r SET answer = a.words FROM unnest(%s::bigint[], %s::text[]) AS a (id, words)
    WHERE r.id = a.id
"""


def _event(entry: PlatformRow, answer: Answer) -> Event:
    kind = KINDS[answer.words.lower()]
    return Event(
        event_id=f"row-{entry.pk}-{digest_of([kind, answer.words])[:40]}",
        kind=kind,
        reference=str(entry.message.token),
        data={"words": answer.words},
        occurred_at=answer.at,
    )
