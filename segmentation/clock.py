"""To which day a book is counted."""

from datetime import date

from django.db.models import Max

from crm_suite.lib.days import local_day, today_in
from customers.books import Book
from orders.models import Order
from segmentation.models import AnalysisRun
from segmentation.selectors import run_in_force


def chosen_day(book: Book) -> date | None:
    """The past day that somebody had historic data measured as of, while nothing was bought since; None otherwise."""
    run = run_in_force(book.code)
    if run is None or not _is_past_day(run, book):
        return None
    newest = Order.objects.filter(shop__book=book.code, paid_on__isnull=False).aggregate(day=Max("paid_on"))["day"]
    return run.as_of if newest is None or newest <= run.as_of else None


def _is_past_day(run: AnalysisRun, book: Book) -> bool:
    return run.as_of < local_day(run.started_at, book.timezone)


def day_to_count_to(book: Book) -> date:
    """Today in the book's zone, or the past day that somebody chose while nothing was bought since."""
    return chosen_day(book) or today_in(book.timezone)
