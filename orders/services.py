"""Verbs of orders: taking files in, importing them, and taking orders from programs."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import Job
from crm_suite.jobs.services import Cancelled, Progress
from crm_suite.lib.errors import BadInput, WrongState
from customers.models import Platform, Shop
from orders.importers import decoding, dry_run, layout_named, receiving, recognise, running, staging
from orders.importers.mapped import FIELDS, Mapped, missing_fields
from orders.importers.synonyms import guess_columns
from orders.models import ImportFile, ImportMapping
from orders.upserting import OrderInput, RowResult, upsert

IMPORT_KIND = "import_orders"


def receive_file(*, shop: Shop, name: str, chunks: Iterable[bytes]) -> ImportFile:
    """Store an uploaded file, make sure that it can be read, and recognise its layout.

    Afterwards `layout` is a name, or "" where somebody has to assign the columns (`assign_columns`). Raises BadInput
    in words where the file is too large, no text, or in no encoding that we know.
    """
    import_file = receiving.receive(shop=shop, name=name, chunks=chunks)
    try:
        shape = decoding.clean_copy(receiving.stored(import_file), receiving.working_copy(import_file))
    except BadInput:
        forget_file(import_file=import_file)
        raise
    layout = recognise(shape.header)
    import_file.encoding, import_file.delimiter, import_file.header = shape.encoding, shape.delimiter, shape.header
    import_file.layout = layout.name if layout else ""
    import_file.save()
    return import_file


def forget_file(*, import_file: ImportFile) -> None:
    """Remove an upload that never became an import."""
    running.clean_up(import_file)
    receiving.stored(import_file).unlink(missing_ok=True)
    import_file.delete()


def earlier_import(*, import_file: ImportFile) -> ImportFile | None:
    """The same bytes, imported into the same shop before."""
    same = ImportFile.objects.filter(shop=import_file.shop, sha256=import_file.sha256, state=ImportFile.State.DONE)
    return same.exclude(pk=import_file.pk).first()


def header_digest(header: Sequence[str]) -> str:
    """The same for files with the same set of columns, in whatever order."""
    return hashlib.sha256("\n".join(sorted(header)).encode()).hexdigest()


def suggested_columns(*, import_file: ImportFile) -> dict[str, str]:
    """Field → column: as a saved mapping of the same columns says, else by what the columns are called."""
    known = ImportMapping.objects.filter(header_digest=header_digest(import_file.header)).order_by("-id").first()
    return dict(known.columns) if known else guess_columns(import_file.header)


@transaction.atomic
def assign_columns(
    *,
    import_file: ImportFile,
    columns: Mapping[str, str],
    options: Mapping[str, str] | None = None,
    save_as: str = "",
) -> ImportFile:
    """Say which column means what; `save_as` keeps the mapping for the next file under this name.

    `options`: dates ymd|dmy|mdy (how 01/02/2024 is meant), decimal "."|",", per_row "1" where amounts of an order
    stand divided on its rows. Raises BadInput naming what is missing.
    """
    _changeable(import_file)
    chosen = {field: column for field, column in columns.items() if column}
    if unknown := [field for field in chosen if field not in FIELDS]:
        raise BadInput(_("There is no field %(name)s.") % {"name": ", ".join(unknown)}, code="unknown_field")
    if absent := [column for column in chosen.values() if column not in import_file.header]:
        raise BadInput(_("The file has no column %(name)s.") % {"name": ", ".join(absent)}, code="unknown_column")
    if lacking := missing_fields(chosen):
        raise BadInput(_("Still missing: %(fields)s.") % {"fields": "; ".join(lacking)}, code="incomplete_mapping")
    import_file.layout, import_file.columns, import_file.options = Mapped.name, chosen, dict(options or {})
    import_file.mapping = _saved_mapping(import_file, save_as.strip()) if save_as.strip() else None
    import_file.save()
    return import_file


def _saved_mapping(import_file: ImportFile, name: str) -> ImportMapping:
    mapping, _created = ImportMapping.objects.update_or_create(
        name=name[:80],
        defaults={
            "columns": import_file.columns,
            "options": import_file.options,
            "header_digest": header_digest(import_file.header),
        },
    )
    return mapping


def check_file(*, import_file: ImportFile) -> ImportFile:
    """The dry run: what would be imported and what rejected. Writes nothing but its own findings."""
    _changeable(import_file)
    layout = layout_named(import_file.layout)
    if layout is None:
        raise WrongState(_("Assign the columns first."), code="no_layout")
    import_file.dry_run = dry_run.try_out(import_file, layout)
    import_file.state = ImportFile.State.CHECKED
    import_file.save()
    return import_file


@transaction.atomic
def start_import(*, import_file: ImportFile, by: User | None = None, despite_errors: bool = False) -> Job:
    """Queue the import of a checked file.

    Refuses (WrongState, code suspicious) where the dry run would reject more than 30 % of the first thousand rows,
    unless `despite_errors`: the mapping is probably wrong.
    """
    import_file = _prepared(import_file, despite_errors=despite_errors)
    job = jobs.submit(kind=IMPORT_KIND, title=_title(import_file), params={"import_file": import_file.pk}, by=by)
    _attach(import_file, job)
    audit(action="orders.import", actor=by, target=f"import:{import_file.pk}", changes={"name": import_file.name})
    return job


def import_here(*, import_file: ImportFile, by: User | None = None) -> Job:
    """The same import in this process, for the command line: no worker is needed. Returns the finished job."""
    with transaction.atomic():
        import_file = _prepared(import_file, despite_errors=True)
        job = Job.objects.create(
            kind=IMPORT_KIND, title=_title(import_file), params={"import_file": import_file.pk}, created_by=by
        )
        _attach(import_file, job)
    jobs.run(job_id=job.pk, work=import_rows)
    job.refresh_from_db()
    return job


def import_rows(job: Job, progress: Progress) -> Mapping[str, object]:
    """The work of an import job (crm_suite.jobs.services.run)."""
    try:
        return running.carry_out(job, progress)
    except Cancelled:
        _end(job, ImportFile.State.CANCELLED)
        raise
    except Exception:
        _end(job, ImportFile.State.FAILED)
        raise


def _end(job: Job, state: ImportFile.State) -> None:
    import_file = ImportFile.objects.filter(job=job).first()
    if import_file is not None:
        ImportFile.objects.filter(pk=import_file.pk).update(state=state)
        running.clean_up(import_file)


def _prepared(import_file: ImportFile, *, despite_errors: bool) -> ImportFile:
    """The file, locked against a second start, with the resume points of an earlier attempt forgotten."""
    locked = ImportFile.objects.select_for_update().get(pk=import_file.pk)
    _changeable(locked)
    if not locked.layout:
        raise WrongState(_("Assign the columns first."), code="no_layout")
    if locked.dry_run.get("is_suspicious") and not despite_errors:
        raise WrongState(
            _("More than 30 %% of the first rows would be rejected. Check the columns, or start despite that.") % {},
            code="suspicious",
        )
    locked.rejected.all().delete()
    staging.drop(staging.table_of(locked.pk))
    locked.staged_rows = locked.staged_bytes = 0
    locked.is_read, locked.applied_to, locked.announced_to, locked.counts = False, "", "", {}
    return locked


def _attach(import_file: ImportFile, job: Job) -> None:
    import_file.job, import_file.state = job, ImportFile.State.RUNNING
    import_file.save()


def _changeable(import_file: ImportFile) -> None:
    if import_file.state == ImportFile.State.RUNNING:
        raise WrongState(_("This import is running."), code="running")
    if not receiving.stored(import_file).exists():
        raise WrongState(_("The uploaded file is no longer there. Upload it again."), code="file_gone")


def _title(import_file: ImportFile) -> str:
    return _("Import %(file)s into %(shop)s") % {"file": import_file.name, "shop": import_file.shop.name}


@transaction.atomic
def ensure_shop(*, code: str, currency: str, timezone: str) -> Shop:
    """The shop of this code; made with this currency and IANA time zone where there is none."""
    shop = Shop.objects.filter(code=code).first()
    if shop is None:
        shop = Shop(code=code, name=code, platform=Platform.OWN, currency=currency, timezone=timezone, book=currency)
        shop.full_clean()
        shop.save()
    return shop


def upsert_orders(*, shop: Shop, orders: Sequence[OrderInput]) -> list[RowResult]:
    """Create or update up to 1,000 orders of a shop as a program tells them; one result per order, in its order.

    The same statements as an import: repeating changes nothing, older news never overwrites newer, one bad order
    never rejects the rest. Raises BadInput where there are more than 1,000.
    """
    if len(orders) > MOST_ORDERS:
        raise BadInput(_("At most 1,000 orders at once."), code="too_many")
    results, changed = upsert(shop=shop, orders=orders)
    transaction.on_commit(lambda: running.announce(changed))
    return results


MOST_ORDERS = 1_000
