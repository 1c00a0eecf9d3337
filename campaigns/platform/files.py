"""Files that people carry to the shop's platform: fetched, uploaded there or withdrawn, answered by a file of results.

Being in a file is not being sent. A message in one stays `sending` until a person says that the file was uploaded:
then it is accepted. A file that was withdrawn reached nobody: its messages have failed. Where the time for sending
ends first, what nobody fetched is withdrawn, and what somebody fetched is in doubt until they say what they did.
"""

import csv
import io
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import instance
from campaigns.delivery.sql import changed
from campaigns.delivery.touch import record_all_sent
from campaigns.media import route_of
from campaigns.models import Campaign, Message, PlatformFile, PlatformRow
from campaigns.platform.layouts import layout_of
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, WrongState
from customers.books import Book

F = PlatformFile.State
M = Message.State
#: A platform has it: said by a person, or by the platform's results.
CARRIED = (F.UPLOADED, F.ANSWERED)


# --- questions --------------------------------------------------------------------------------------------------------


def files_of(campaign: Campaign) -> QuerySet[PlatformFile]:
    """The files of a campaign in their order. `rows` counts messages written; `delivered`, `undelivered` and `waiting`
    (for an answer, or for the upload) are messages as they stand now."""
    found = campaign.platform_files.select_related("handled_by").order_by("number")
    state = "entries__message__state"
    return found.annotate(
        delivered=Count("entries", filter=Q(**{state: M.DELIVERED})),
        undelivered=Count("entries", filter=Q(**{state: M.UNDELIVERED})),
        waiting=Count("entries", filter=Q(**{f"{state}__in": [M.ACCEPTED, M.SENDING, M.UNKNOWN, M.UNRESOLVED]})),
    )


def open_files(book: Book) -> QuerySet[PlatformFile]:
    """What somebody has to upload, or to say that they did, of all shops of the book, the most urgent first."""
    mine = PlatformFile.objects.filter(state=F.READY, campaign__shop__in=book.shop_ids)
    return mine.select_related("campaign__shop").order_by("campaign__send_until", "id")


# --- verbs ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def fetch(
    *, file: PlatformFile, by: User | None, only_names: bool = False, request: HttpRequest | None = None
) -> bytes:
    """The file in the platform's layout, and who took it. From then on it does not grow.

    Whoever must not be written to any more is not in it: at the first time they are taken out as never sent; later
    only the file lacks them, because an older copy has them. Raises WrongState: withdrawn, paused, parked, cancelled.
    """
    file = _locked(file)
    _refuse_fetching(file)
    if file.fetched_at is None:
        _take_out(file)
        PlatformFile.objects.filter(pk=file.pk).update(fetched_at=timezone.now(), handled_by=by)
        file.refresh_from_db(fields=["fetched_at", "rows"])
    entries = _going(file)
    changes = {"campaign": file.campaign_id, "rows": len(entries), "names_only": only_names}
    audit(action="platform_file.fetch", actor=by, request=request, target=_target(file), changes=changes)
    return _written(file, entries, only_names=only_names)


def _refuse_fetching(file: PlatformFile) -> None:
    if file.state == F.WITHDRAWN:
        raise WrongState(_("This file was withdrawn."), code="withdrawn")
    if file.state == F.READY and file.campaign.state in (Campaign.State.PAUSED, Campaign.State.CANCELLED):
        words = {"state": file.campaign.get_state_display()}
        raise WrongState(_("The campaign is “%(state)s”; this is not possible now.") % words, code="wrong_state")
    if instance.is_parked():
        raise WrongState(instance.status().words, code="parked")


def _refused(file: PlatformFile) -> dict[int, str]:
    """Message → why its person must not be written to by now."""
    judged = file.entries.annotate(why=route_of(file.campaign).refusal("message__customer__"))
    refused = judged.filter(Q(why__isnull=False) | Q(recipient="")).values_list("message", "why")
    return {pk: why or "erased" for pk, why in refused}


def _take_out(file: PlatformFile) -> None:
    """Nobody has seen the file: whoever is not in it now was never in it."""
    doubtful = file.entries.exclude(message__state__in=[M.SENDING, M.RETRY_WAIT, M.CLAIMED])
    gone = dict.fromkeys(doubtful.values_list("message", flat=True), "withdrawn")
    gone |= _refused(file)
    for reason in sorted(set(gone.values())):
        _fail(Message.objects.filter(pk__in=[pk for pk, why in gone.items() if why == reason]), reason)
    taken, _by_model = file.entries.filter(message__in=list(gone), message__state=M.FAILED).delete()
    PlatformFile.objects.filter(pk=file.pk).update(rows=file.rows - taken)


def _fail(messages: QuerySet[Message], reason: str) -> int:
    """They definitely reached nobody: the places in limits and budgets are free again."""
    open_ones = messages.filter(state__in=[M.SENDING, M.UNKNOWN, M.UNRESOLVED])
    return open_ones.update(state=M.FAILED, reason=reason, sent_at=None, lease_until=None, updated_at=timezone.now())


def _going(file: PlatformFile) -> list[tuple[str, str]]:
    return list(file.entries.exclude(message__in=list(_refused(file))).order_by("id").values_list("recipient", "text"))


def _written(file: PlatformFile, entries: list[tuple[str, str]], *, only_names: bool) -> bytes:
    layout, text = layout_of(file.platform), io.StringIO()
    writer = csv.writer(text)
    width = 1 if only_names else 2
    writer.writerow([layout.recipient, layout.text][:width])
    writer.writerows(entry[:width] for entry in entries)
    return text.getvalue().encode(layout.encoding)


@transaction.atomic
def mark_uploaded(*, file: PlatformFile, by: User | None, at: datetime | None = None) -> PlatformFile:
    """Somebody has uploaded it at `at` (aware; None: now): its messages are sent from that moment on.

    Raises WrongState for a file that nobody fetched, or that was withdrawn; twice is harmless.
    """
    file = _locked(file)
    if file.state in CARRIED:
        return file
    if file.state == F.WITHDRAWN or file.fetched_at is None:
        raise WrongState(_("Nobody has fetched this file, or it was withdrawn."), code="not_fetched")
    now = timezone.now()
    moment = min(max(at, file.fetched_at), now) if at else now
    PlatformFile.objects.filter(pk=file.pk).update(state=F.UPLOADED, uploaded_at=moment, handled_by=by)
    changed(_ACCEPT, [moment, file.pk])
    record_all_sent(campaign_id=file.campaign_id)
    audit(action="platform_file.uploaded", actor=by, target=_target(file), changes={"rows": file.rows})
    file.refresh_from_db()
    return file


_ACCEPT = """
    UPDATE campaigns_message AS m SET state = 'accepted', reason = '', sent_at = %s, lease_until = NULL,
        updated_at = now()
    FROM campaigns_platformrow AS r
    WHERE r.file_id = %s AND m.id = r.message_id AND m.sent_at IS NOT NULL
      AND m.state IN ('sending', 'retry_wait', 'unknown', 'unresolved')
"""


@transaction.atomic
def withdraw(*, file: PlatformFile, by: User | None, reason: str) -> PlatformFile:
    """It is not uploaded, and will not be: its messages have failed, and may go to the rest. Audited.

    Raises BadInput without a reason, WrongState for what was uploaded.
    """
    if not reason.strip():
        raise BadInput(_("Say why it is withdrawn."), code="reason_missing")
    file = _locked(file)
    if file.state in CARRIED:
        raise WrongState(_("This file was uploaded: the platform has it."), code="uploaded")
    _withdraw(file, by, reason.strip()[:200], "withdrawn")
    return file


def _withdraw(file: PlatformFile, by: User | None, words: str, reason: str) -> None:
    changes = {"state": F.WITHDRAWN, "handled_by": by or file.handled_by}
    if PlatformFile.objects.filter(pk=file.pk, state=F.READY).update(**changes):
        _fail(Message.objects.filter(platform_row__file=file), reason)
        audit(action="platform_file.withdraw", actor=by, target=_target(file), changes={"reason": words})
    file.refresh_from_db()


def close_overdue() -> int:
    """Files of campaigns whose time is over, or that were cancelled: never fetched they are withdrawn, else what is in
    them is in doubt. Returns how many messages moved."""
    now, moved = timezone.now(), 0
    over = Q(campaign__send_until__lte=now) | Q(campaign__state=Campaign.State.CANCELLED)
    waiting = Message.objects.filter(platform_row__file=OuterRef("pk"), state=M.SENDING)
    for late in PlatformFile.objects.filter(over, Exists(waiting), state=F.READY):
        moved += _close(late, now)
    return moved


@transaction.atomic
def _close(file: PlatformFile, now: datetime) -> int:
    file = _locked(file)
    mine = Message.objects.filter(platform_row__file=file, state=M.SENDING)
    count = mine.count()
    if file.state == F.READY and file.fetched_at is None:
        _withdraw(file, None, "time over", "not_uploaded")
    elif file.state == F.READY:
        mine.update(state=M.UNKNOWN, reason="not_uploaded", lease_until=None, updated_at=now)
    return count


def forget_rows(*, customer_ids: Sequence[int]) -> None:
    """What files still hold of people who were erased."""
    PlatformRow.objects.filter(message__customer__in=customer_ids).update(recipient="", text="", answer="")


def _locked(file: PlatformFile) -> PlatformFile:
    known = PlatformFile.objects.select_for_update(of=("self",)).select_related("campaign__shop")
    return known.get(pk=file.pk)


def _target(file: PlatformFile) -> str:
    return f"platform_file:{file.campaign_id}/{file.number}"
