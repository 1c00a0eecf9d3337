"""Verbs: change how a book is measured, and what its store does for a value group."""

from typing import cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.jobs.models import Job
from crm_suite.lib.errors import BadInput
from customers.books import book_of
from customers.models import Group
from segmentation.clock import chosen_day
from segmentation.models import AnalysisOptions, GroupPolicy
from segmentation.options import MOST_DAYS, NAMES, label_of, measuring, policies
from segmentation.services import submit_refresh

_DAYS = ("window_days", "p30", "p60", "p90", "r_threshold")
_LONGEST_POLICY = 2000


@transaction.atomic
def save_options(*, book: str, by: User | None, **fields: object) -> Job | None:
    """Change the options that are named, keep the others, and have the book measured anew with them.

    Returns the job of that full refresh; None where nothing changed. History stays as it was: the run that comes keeps
    the options it obeyed. Raises BadInput for an unknown book or option, and for values that make no sense together.
    """
    _check_book(book)
    unknown = sorted(set(fields) - set(NAMES))
    if unknown:
        raise BadInput(_("There is no option “%(name)s”.") % {"name": unknown[0]}, code="unknown_option")
    # The row is locked first, so that two people who change different options both have their way.
    row, _made = AnalysisOptions.objects.select_for_update().get_or_create(book=book)
    before = measuring(book).as_dict()
    for name, value in fields.items():
        setattr(row, name, value)
    _check(row)
    row.changed_by = by
    row.save()
    after = measuring(book).as_dict()
    changes = {name: [before[name], after[name]] for name in NAMES if before[name] != after[name]}
    if not changes:
        return None
    audit(action="options.set", actor=by, target=f"book:{book}", changes=changes)
    return _submit(book, by)


def _submit(book: str, by: User | None) -> Job:
    """A full refresh, as of the day that somebody chose for historic data where there is one."""
    found = book_of(book)
    return submit_refresh(by=by, book=book, as_of=chosen_day(found) if found else None)


def put_bounds_in_force(*, book: str, by: User | None, p30: int, p60: int, p90: int) -> Job | None:
    """Own stage bounds in days instead of those from the spells. Raises BadInput where they do not rise."""
    return save_options(book=book, by=by, p30=p30, p60=p60, p90=p90)


def take_bounds_from_spells(*, book: str, by: User | None) -> Job | None:
    """Give up own bounds: they follow the store's own repurchases again."""
    return save_options(book=book, by=by, p30=None, p60=None, p90=None)


def set_policy(*, book: str, group: str, by: User | None, in_care: bool, policy: str) -> GroupPolicy:
    """What the store does for a value group, and whether it does so at present. Saying the same again changes nothing.

    Raises BadInput for an unknown book or group, and for a text of more than 2,000 characters.
    """
    _check_book(book)
    if group not in Group.values:
        raise BadInput(_("There is no value group “%(name)s”.") % {"name": group}, code="unknown_group")
    if len(policy.strip()) > _LONGEST_POLICY:
        raise BadInput(_("A policy has at most %(most)s characters.") % {"most": _LONGEST_POLICY}, code="too_long")
    return _write_policy(book, group, by, in_care, policy.strip())


@transaction.atomic
def _write_policy(book: str, group: str, by: User | None, in_care: bool, policy: str) -> GroupPolicy:
    row, _made = GroupPolicy.objects.select_for_update().get_or_create(book=book, group=group)
    told = policies(book)[group]
    changes: dict[str, object] = {}
    if told.in_care != in_care:
        changes["in_care"] = [told.in_care, in_care]
    if told.policy != policy:
        changes["policy"] = [told.policy, policy]
    if changes:
        row.in_care, row.policy, row.changed_by = in_care, policy, by
        row.save()
        audit(action="group.policy", actor=by, target=f"book:{book} group:{group}", changes=changes)
    return row


def _check_book(book: str) -> None:
    if book_of(book) is None:
        raise BadInput(_("There is no store measured as “%(book)s”.") % {"book": book}, code="unknown_book")


def _check(row: AnalysisOptions) -> None:
    """Each value by itself, then what they say together."""
    try:
        row.clean_fields(exclude={"id", "book", "changed_by", "changed_at"})
    except ValidationError as error:
        raise BadInput(_in_words(error), code="bad_option", extra={"errors": error.message_dict}) from None
    _check_days(row)
    _check_bounds(row)
    _check_thresholds(row)
    if row.min_spells < 2:
        raise BadInput(_("At least 2 spells are needed to tell bounds from them."), code="min_spells")


def _in_words(error: ValidationError) -> str:
    name, messages = next(iter(error.message_dict.items()))
    return f"{label_of(name)}: {messages[0]}"


def _check_days(row: AnalysisOptions) -> None:
    for name in _DAYS:
        days = cast("int | None", getattr(row, name))
        if days is not None and not 1 <= days <= MOST_DAYS:
            message = _("%(option)s: give whole days from 1 to %(most)s.")
            raise BadInput(message % {"option": label_of(name), "most": MOST_DAYS}, code="bad_days")


def _check_bounds(row: AnalysisOptions) -> None:
    told = [row.p30, row.p60, row.p90]
    if told == [None, None, None]:
        return
    days = [day for day in told if day is not None]
    if len(days) < 3:
        raise BadInput(_("Give all three bounds, or none of them."), code="bounds_incomplete")
    if not days[0] < days[1] < days[2]:
        raise BadInput(
            _("Bounds have to rise: %(p30)s, %(p60)s and %(p90)s days do not.")
            % {"p30": days[0], "p60": days[1], "p90": days[2]},
            code="bounds_fall",
        )


def _check_thresholds(row: AnalysisOptions) -> None:
    own = (row.r_threshold, row.f_threshold, row.m_threshold)
    if row.threshold == AnalysisOptions.Threshold.FIXED and None in own:
        raise BadInput(_("Thresholds of your own need all three values: R, F and M."), code="thresholds_missing")
    if any(value is not None and value < 0 for value in own):
        raise BadInput(_("A threshold cannot be negative."), code="threshold_negative")
