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
from orders import erased_rows
from orders.importers import dry_run, layout_named, opening, receiving, recognise, running, staging
from orders.importers.assignable import SUBJECTS, columns_of_layout
from orders.importers.decoding import ENCODINGS
from orders.models import ImportFile, ImportMapping
from orders.upserting import OrderInput, RowResult, upsert

IMPORT_KIND = "import_orders"
FILE_OPTIONS = ("format", "title")
UNSTARTED = (ImportFile.State.RECEIVED, ImportFile.State.CHECKED)


def receive_file(
    *,
    shop: Shop,
    name: str,
    chunks: Iterable[bytes],
    part: str = "",
    encoding: str = "",
    keep_undecided: bool = False,
) -> ImportFile:
    """Store an uploaded file, make sure that it can be read, and recognise its layout.

    Afterwards `layout` is a name, or "" where somebody has to assign the columns (`assign_columns`). `part` names one
    of several tables in the file (`selectors.file_parts`), `encoding` is one of decoding.ENCODINGS; where neither is
    given the file has to show them. With `keep_undecided` a text in no encoding that shows is kept with an empty
    `header`, for `choose_source`. Raises BadInput in words where the file is too large, damaged or no table.
    """
    import_file = receiving.receive(shop=shop, name=name, chunks=chunks)
    try:
        return _read(import_file, part=part, encoding=encoding)
    except Exception as error:
        if keep_undecided and isinstance(error, BadInput) and error.code == "unknown_encoding":
            return import_file
        forget_file(import_file=import_file)
        raise


def choose_source(*, import_file: ImportFile, part: str = "", encoding: str = "") -> ImportFile:
    """Read another table of the file, or the same one in another encoding. What was assigned before is forgotten."""
    _not_imported(import_file)
    import_file.columns, import_file.mapping, import_file.dry_run = {}, None, {}
    return _read(import_file, part=part, encoding=encoding)


def _read(import_file: ImportFile, *, part: str, encoding: str) -> ImportFile:
    if encoding and encoding not in ENCODINGS:
        raise BadInput(_("There is no encoding %(name)s.") % {"name": encoding}, code="unknown_encoding")
    shape = opening.clean_copy(
        receiving.stored(import_file),
        receiving.working_copy(import_file),
        part=part,
        encoding=encoding,
        is_known=recognise,
    )
    layout = recognise(shape.header)
    import_file.encoding, import_file.delimiter, import_file.header = shape.encoding, shape.delimiter, shape.header
    import_file.part, import_file.layout = shape.part, layout.name if layout else ""
    import_file.subject = layout.subject if layout else ImportFile.Subject.ORDERS
    import_file.options = {"format": shape.format, "title": shape.title}
    import_file.state = ImportFile.State.RECEIVED
    import_file.save()
    return import_file


def forget_file(*, import_file: ImportFile) -> None:
    """Remove an upload that never became an import."""
    running.clean_up(import_file)
    receiving.remove(import_file)
    import_file.delete()


def delete_file(*, import_file: ImportFile, by: User | None = None) -> bool:
    """Remove the bytes of an import, which cannot be started again then; its report and rejected rows stay.

    An upload that never became an import is removed altogether. Returns whether a report was kept.
    """
    if import_file.state == ImportFile.State.RUNNING:
        raise WrongState(_("This import is running."), code="running")
    audit(action="orders.delete_file", actor=by, target=f"import:{import_file.pk}", changes={"name": import_file.name})
    if import_file.job is None and import_file.state in UNSTARTED:
        forget_file(import_file=import_file)
        return False
    running.clean_up(import_file)
    receiving.remove(import_file)
    import_file.path = ""
    import_file.dry_run = {**import_file.dry_run, "sample": [], "errors": []} if import_file.dry_run else {}
    import_file.save(update_fields=["path", "dry_run"])
    return True


def earlier_import(*, import_file: ImportFile) -> ImportFile | None:
    """The same table of the same bytes, imported into the same shop before and not taken back since."""
    same = ImportFile.objects.filter(
        shop=import_file.shop, sha256=import_file.sha256, part=import_file.part, state=ImportFile.State.DONE
    )
    return same.select_related("job").exclude(pk=import_file.pk).first()


def header_digest(header: Sequence[str]) -> str:
    """The same for files with the same set of columns, in whatever order."""
    return hashlib.sha256("\n".join(sorted(header)).encode()).hexdigest()


def saved_mapping(*, import_file: ImportFile, subject: str) -> ImportMapping | None:
    """The mapping that was kept last for files with the same columns and the same subject."""
    same = ImportMapping.objects.filter(header_digest=header_digest(import_file.header)).order_by("-id")
    return next((known for known in same[:20] if known.options.get("subject", "orders") == subject), None)


def suggested_columns(*, import_file: ImportFile, subject: str = "orders") -> dict[str, str]:
    """Field → column: as a saved mapping or the recognised layout says, else by what the columns are called."""
    known = saved_mapping(import_file=import_file, subject=subject)
    if known:
        return dict(known.columns)
    about = SUBJECTS[subject]
    read = columns_of_layout(import_file.layout, import_file.header, about.fields)
    return read or about.guess(import_file.header)


@transaction.atomic
def assign_columns(
    *,
    import_file: ImportFile,
    columns: Mapping[str, str],
    options: Mapping[str, str] | None = None,
    save_as: str = "",
    subject: str = "orders",
) -> ImportFile:
    """Say which column means what; `save_as` keeps the mapping for the next file under this name.

    `subject`: whether a row is about an order or a customer. `options`: dates ymd|dmy|mdy (how 01/02/2024 is meant),
    decimal "."|",", per_row "1" where amounts of an order stand divided on its rows. Raises BadInput naming what is
    missing.
    """
    _not_imported(import_file)
    about = SUBJECTS[subject]
    chosen = {field: column for field, column in columns.items() if column}
    if unknown := [field for field in chosen if field not in about.fields]:
        raise BadInput(_("There is no field %(name)s.") % {"name": ", ".join(unknown)}, code="unknown_field")
    if absent := [column for column in chosen.values() if column not in import_file.header]:
        raise BadInput(_("The file has no column %(name)s.") % {"name": ", ".join(absent)}, code="unknown_column")
    if lacking := about.missing(chosen):
        raise BadInput(_("Still missing: %(fields)s.") % {"fields": "; ".join(lacking)}, code="incomplete_mapping")
    import_file.layout, import_file.subject, import_file.columns = about.layout, subject, chosen
    import_file.options = dict(options or {}) | _of_the_file(import_file)
    import_file.mapping = _saved_mapping(import_file, save_as.strip()) if save_as.strip() else None
    import_file.save()
    return import_file


def _of_the_file(import_file: ImportFile) -> dict[str, str]:
    """The options that tell what the file is, not how it is read."""
    return {name: value for name, value in import_file.options.items() if name in FILE_OPTIONS}


def _saved_mapping(import_file: ImportFile, name: str) -> ImportMapping:
    how = {key: value for key, value in import_file.options.items() if key not in FILE_OPTIONS}
    mapping, _created = ImportMapping.objects.update_or_create(
        name=name[:80],
        defaults={
            "columns": import_file.columns,
            "options": how | {"subject": import_file.subject},
            "header_digest": header_digest(import_file.header),
        },
    )
    return mapping


def check_file(*, import_file: ImportFile) -> ImportFile:
    """The dry run: what would be imported and what rejected. Writes nothing but its own findings."""
    _not_imported(import_file)
    layout = layout_named(import_file.layout)
    if layout is None:
        raise WrongState(_("Assign the columns first."), code="no_layout")
    import_file.dry_run = dry_run.try_out(import_file, layout)
    import_file.state = ImportFile.State.CHECKED
    import_file.save()
    return import_file


@transaction.atomic
def start_import(
    *, import_file: ImportFile, by: User | None = None, despite_errors: bool = False, again: bool = False
) -> Job:
    """Queue the import of a checked file. Where the same file was imported before: that job, unless `again`.

    Refuses (WrongState, code suspicious) where the dry run would reject more than 30 % of the first thousand rows,
    unless `despite_errors`: the mapping is probably wrong.
    """
    earlier = None if again else earlier_import(import_file=import_file)
    if earlier and earlier.job:
        return earlier.job
    _not_imported(import_file)
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
        erased_rows.forget_named_rows(import_file=import_file)


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
    locked.is_read, locked.applied_to, locked.announced_to = False, "", ""
    # What the earlier attempt made is undone with the rest: the numbers of its orders begin there.
    locked.counts = {name: n for name, n in locked.counts.items() if name == "ids_after"}
    locked.undone = {}
    return locked


def _attach(import_file: ImportFile, job: Job) -> None:
    import_file.job, import_file.state = job, ImportFile.State.RUNNING
    import_file.save()


def _changeable(import_file: ImportFile) -> None:
    if import_file.state == ImportFile.State.RUNNING:
        raise WrongState(_("This import is running."), code="running")
    if not receiving.is_kept(import_file):
        raise WrongState(_("The uploaded file is no longer there. Upload it again."), code="file_gone")


def _not_imported(import_file: ImportFile) -> None:
    _changeable(import_file)
    if import_file.state == ImportFile.State.DONE:
        raise WrongState(_("This file was imported. Upload it again to import it in another way."), code="imported")


def _title(import_file: ImportFile) -> str:
    return _("Import %(file)s into %(shop)s") % {"file": import_file.name[:80], "shop": import_file.shop.name}


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
