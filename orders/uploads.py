"""How long uploaded files are kept: they hold whatever the platform exported, also of people who were erased since."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from orders import services
from orders.models import ImportFile

AT_ONCE = 500


def forget_old() -> int:
    """Delete files whose import ended, or that were uploaded and never imported, IMPORT_KEEP_DAYS ago.

    The report of an import stays, with its rejected rows; an upload that never became one goes altogether. Returns how
    many files went, 500 at most: the next call goes on. Nothing is deleted where the setting is 0.
    """
    if not settings.IMPORT_KEEP_DAYS:
        return 0
    since = timezone.now() - timedelta(days=settings.IMPORT_KEEP_DAYS)
    kept = ImportFile.objects.exclude(path="").annotate(ended=Coalesce("job__finished_at", "created_at"))
    old = kept.filter(ended__lt=since).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]
    return sum(_forget(pk) for pk in list(old))


@transaction.atomic
def _forget(pk: int) -> bool:
    """Unless it is running, or somebody is just starting it."""
    rows = ImportFile.objects.select_for_update(skip_locked=True).exclude(state=ImportFile.State.RUNNING)
    import_file = rows.filter(pk=pk).first()
    if import_file is None:
        return False
    services.delete_file(import_file=import_file)
    return True
