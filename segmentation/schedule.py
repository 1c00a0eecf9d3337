"""Once a night: which books are due for a new analysis."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from crm_suite.jobs.models import BeatTick
from crm_suite.lib.days import local_day
from customers.books import Book, books
from orders.models import Order
from segmentation.models import AnalysisRun
from segmentation.selectors import run_in_force
from segmentation.services import submit_refresh

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
        due = mine and not _has_chosen_day(book)
        if due:
            submit_refresh(book=book.code)
    return due


def _has_chosen_day(book: Book) -> bool:
    """Somebody measured historic data as of a past day, and nothing was bought since: leave that in force."""
    run = run_in_force(book.code)
    if run is None or not _is_past_day(run, book):
        return False
    newest = Order.objects.filter(shop__book=book.code, paid_on__isnull=False).aggregate(day=Max("paid_on"))["day"]
    return newest is None or newest <= run.as_of


def _is_past_day(run: AnalysisRun, book: Book) -> bool:
    return run.as_of < local_day(run.started_at, book.timezone)
