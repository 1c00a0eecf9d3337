"""When points and tiers are worked out: each night, after an import, and after the programme's rules changed."""

from collections.abc import Mapping
from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import BeatTick, Job
from customers.books import Book, books
from customers.ledger import expire_points
from customers.models import PointsEntry, Tier
from orders.points import book_shop_points
from orders.tiers import refresh_tiers

KIND = "loyalty"

#: Local hour from which a night's work may start: whatever could be used until yesterday has run out everywhere.
HOUR = 2


def submit(*, book: str, shop_id: int | None = None, by: User | None = None) -> Job:
    """Queue points that run out and tiers of a book; with `shop_id` what the orders of that shop earn, before.

    A job of the same wish that still waits is used again.
    """
    params = {"book": book, "shop": shop_id}
    waiting = Job.objects.filter(kind=KIND, state=Job.State.QUEUED, params=params, cancel_requested=False).first()
    title = _("Points and tiers")
    return waiting or jobs.submit(kind=KIND, title=f"{title} · {book}", params=params, by=by)


def carry_out(job: Job, progress: jobs.Progress) -> Mapping[str, object]:
    """The work of such a job; every step may be repeated."""
    shop = job.params.get("shop")
    entries = book_shop_points(shop_id=shop, tell=progress) if shop else 0
    expired = expire_points()
    changed = refresh_tiers(book=job.params["book"], tell=progress)
    return {"entries": entries, "expired": expired, "tiers": changed}


def submit_after_import(*, book: str) -> Job | None:
    """Tiers follow new orders at once; points have followed order by order already."""
    return submit(book=book) if Tier.objects.filter(book=book).exists() else None


def submit_nightly() -> int:
    """Queue tonight's work for each book whose zone has passed 02:00. Returns how many; repeating adds none."""
    return sum(_submit_once(book) for book in books())


@transaction.atomic
def _submit_once(book: Book) -> bool:
    zone = ZoneInfo(book.timezone)
    now = timezone.now().astimezone(zone)
    slot = datetime.combine(now.date(), time(HOUR), zone)
    if now < slot or not _has_work(book):
        return False
    _tick, mine = BeatTick.objects.get_or_create(task=f"loyalty:{book.code}", slot=slot)
    if mine:
        submit(book=book.code)
    return mine


def _has_work(book: Book) -> bool:
    expiring = PointsEntry.objects.filter(expires_on__isnull=False)
    return expiring.exists() or Tier.objects.filter(book=book.code).exists()
