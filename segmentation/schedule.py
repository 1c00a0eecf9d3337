"""Once a night: which books are due for a new analysis."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from crm_suite.jobs.models import BeatTick
from customers.books import Book, books
from segmentation.clock import chosen_day
from segmentation.models import Touched
from segmentation.services import submit_changed, submit_refresh

#: Local hour from which a night's analysis may start: yesterday's orders have arrived.
HOUR = 2


def submit_nightly() -> int:
    """Queue tonight's analysis of each book whose zone has passed 02:00. Returns how many; repeating adds none."""
    return sum(_submit_once(book) for book in books())


def _submit_once(book: Book) -> bool:
    zone = ZoneInfo(book.timezone)
    now = timezone.now().astimezone(zone)
    slot = datetime.combine(now.date(), time(HOUR), zone)
    if now < slot:
        return False
    with transaction.atomic():
        _tick, mine = BeatTick.objects.get_or_create(task=f"nightly:{book.code}", slot=slot)
        due = mine and chosen_day(book) is None
        if due:
            submit_refresh(book=book.code)
    return due


def submit_touched() -> bool:
    """Queue a run for customers who were touched since the last one; a full run that is under way looks at its own."""
    due = Touched.objects.filter(run_id=None).exists()
    if due:
        submit_changed()
    return due
