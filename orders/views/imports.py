"""The import wizard: file → table → columns → dry run → job → report."""

from typing import cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.errors import DomainError
from crm_suite.lib.exports import csv_response
from customers.books import current_book
from customers.models import Shop
from orders import selectors, services
from orders.forms import MappingForm, SourceForm, UploadForm
from orders.importers import undo
from orders.importers.assignable import SUBJECTS
from orders.importers.reader import PAYMENT_FIELDS
from orders.models import ImportFile, ImportMapping

SHOWN = 20


@requires("orders.import_orders")
def import_list(request: HttpRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "") for name in ("shop", "state")}
    page = Paginator(selectors.imports(**asked), 50).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "asked": asked,
        "rows": [(file, selectors.layout_title(file), selectors.outcome(file)) for file in page],
        "shops": Shop.objects.order_by("is_demo", "name"),
        "states": ImportFile.State.choices,
    }
    return render(request, "orders/import_list.html", context)


@requires("orders.import_orders")
def import_new(request: HttpRequest) -> HttpResponse:
    """Step 1. A recognised file goes straight to its dry run, another one to the mapping of its columns."""
    form = UploadForm(request.POST or None, request.FILES or None, initial={"shop": _shop_at_hand(request)})
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            import_file = services.receive_file(
                shop=form.cleaned_data["shop"], name=upload.name, chunks=upload.chunks(), keep_undecided=True
            )
        except DomainError as error:
            form.add_error("file", error.message)
        else:
            return _next_step(request, import_file)
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "orders/import_new.html", {"form": form, "has_shop": Shop.objects.exists()}, status=status)


def _shop_at_hand(request: HttpRequest) -> int | None:
    asked = request.GET.get("shop", "")
    book = current_book(request)
    return int(asked) if asked.isdecimal() else (book.shop_ids[0] if book else None)


def _next_step(request: HttpRequest, import_file: ImportFile) -> HttpResponse:
    """Where the file asks a person for something, or to its dry run."""
    if not import_file.header:
        return redirect("orders:import_source", import_file.pk)
    if not import_file.layout:
        return redirect("orders:import_map", import_file.pk)
    try:
        services.check_file(import_file=import_file)
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("orders:import_source", import_file.pk)
    return redirect("orders:import_check", import_file.pk)


@requires("orders.import_orders")
def import_source(request: HttpRequest, pk: int) -> HttpResponse:
    """Which table of a workbook or archive, and in which encoding: asked where it does not show, or is wrong."""
    import_file = get_object_or_404(ImportFile.objects.select_related("shop"), pk=pk)
    try:
        parts, readings = selectors.file_parts(import_file), selectors.file_readings(import_file)
    except (DomainError, FileNotFoundError):
        messages.error(request, _("The uploaded file can no longer be read. Upload it again."))
        return redirect("orders:import_new")
    initial = {"part": import_file.part, "encoding": import_file.encoding.removesuffix("-sig")}
    form = SourceForm(request.POST or None, parts=parts, encodings=list(readings), initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.choose_source(import_file=import_file, **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            return _next_step(request, import_file)
    context = {"import_file": import_file, "form": form, "readings": readings}
    return render(request, "orders/import_source.html", context, status=422 if form.errors else 200)


@requires("orders.import_orders")
def import_map(request: HttpRequest, pk: int) -> HttpResponse:
    """Step 2. Suggests columns by a saved mapping or the recognised layout, else by their names."""
    import_file = get_object_or_404(ImportFile.objects.select_related("shop"), pk=pk)
    if not import_file.header:
        return redirect("orders:import_source", pk)
    subject = request.GET.get("about", import_file.subject)
    subject = subject if subject in SUBJECTS else import_file.subject
    known = services.saved_mapping(import_file=import_file, subject=subject)
    initial = _suggestion(import_file, subject, known)
    form = MappingForm(request.POST or None, header=import_file.header, subject=subject, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.assign_columns(
                import_file=import_file,
                columns=form.columns(),
                options=form.options(),
                save_as=form.cleaned_data["save_as"],
                subject=subject,
            )
            services.check_file(import_file=import_file)
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            return redirect("orders:import_check", import_file.pk)
    context = {"import_file": import_file, "form": form, "known": known, "subject": subject}
    return render(request, "orders/import_map.html", context, status=422 if form.is_bound else 200)


def _suggestion(import_file: ImportFile, subject: str, known: ImportMapping | None) -> dict[str, object]:
    is_assigned = bool(import_file.columns) and import_file.subject == subject
    options = import_file.options if is_assigned else (known.options if known else {})
    columns = (
        import_file.columns if is_assigned else services.suggested_columns(import_file=import_file, subject=subject)
    )
    found: dict[str, object] = {f"column_{field}": column for field, column in columns.items()}
    decimal = options.get("decimal", "," if import_file.delimiter == ";" else ".")
    return found | {
        "dates": options.get("dates", "ymd"),
        "decimal": decimal,
        "per_row": bool(options.get("per_row")),
        "save_as": known.name if known else "",
    }


@requires("orders.import_orders")
def import_check(request: HttpRequest, pk: int) -> HttpResponse:
    """Step 3: what would happen, before anything does."""
    import_file = get_object_or_404(ImportFile.objects.select_related("shop"), pk=pk)
    if not import_file.dry_run:
        return redirect("orders:import_map", pk)
    is_orders = import_file.subject == ImportFile.Subject.ORDERS
    context = {
        "import_file": import_file,
        "found": import_file.dry_run,
        "layout": selectors.layout_title(import_file),
        "zone": selectors.time_zone(import_file),
        "other_platforms": selectors.other_platforms(import_file),
        "says_paid": not is_orders or not import_file.columns or bool(PAYMENT_FIELDS & set(import_file.columns)),
        "errors": selectors.dry_run_errors(import_file),
        "reasons": selectors.reasons(import_file.dry_run["rejected"]),
        "earlier": services.earlier_import(import_file=import_file),
    }
    return render(request, "orders/import_check.html", context)


@requires("orders.import_orders")
@require_POST
def import_start(request: HttpRequest, pk: int) -> HttpResponse:
    import_file = get_object_or_404(ImportFile, pk=pk)
    try:
        job = services.start_import(
            import_file=import_file,
            by=cast(User, request.user),
            despite_errors="despite_errors" in request.POST,
            again="again" in request.POST,
        )
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("orders:import_check", pk)
    return redirect("orders:import_detail", job.import_file.pk)


@requires("orders.import_orders")
def import_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Progress while it runs, the report when it has ended."""
    import_file = get_object_or_404(ImportFile.objects.select_related("shop", "job"), pk=pk)
    if import_file.job is None:
        return redirect("orders:import_check" if import_file.dry_run else "orders:import_map", pk)
    context = {
        "import_file": import_file,
        "job": import_file.job,
        "layout": selectors.layout_title(import_file),
        "outcome": selectors.outcome(import_file),
        "waiting": selectors.waiting_rows(import_file),
        "undoing": selectors.undo_job(import_file),
        "rejected": selectors.rejected_rows(import_file, limit=SHOWN),
    }
    return render(request, "orders/import_detail.html", context)


@requires("orders.import_orders")
def import_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """What taking the import back would do, and the button that does it."""
    import_file = get_object_or_404(ImportFile.objects.select_related("shop"), pk=pk)
    if request.method == "POST":
        try:
            undo.start_undo(import_file=import_file, by=cast(User, request.user))
        except DomainError as error:
            messages.error(request, error.message)
        return redirect("orders:import_detail", pk)
    if import_file.state not in undo.UNDOABLE or selectors.undo_job(import_file):
        return redirect("orders:import_detail", pk)
    context = {"import_file": import_file, "preview": undo.undo_preview(import_file)}
    return render(request, "orders/import_undo.html", context)


@requires("orders.import_orders")
@require_POST
def import_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """The bytes of a finished import, whose report stays; or an upload that never became one, altogether."""
    import_file = get_object_or_404(ImportFile, pk=pk)
    try:
        has_report = services.delete_file(import_file=import_file, by=cast(User, request.user))
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("orders:import_detail", pk)
    if not has_report:
        messages.success(request, _("The upload was discarded."))
        return redirect("orders:import_list")
    messages.success(request, _("The file was deleted. Its report stays."))
    return redirect("orders:import_detail", pk)


@requires("orders.import_orders")
def import_rejects(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The rejected rows as a file to correct and upload again. It holds personal data: recorded."""
    import_file = get_object_or_404(ImportFile, pk=pk)
    audit(action="orders.export_rejected", target=f"import:{pk}", request=request)
    return csv_response(
        filename=_("rejected-%(name)s.csv") % {"name": import_file.name.split(".")[0]},
        header=selectors.rejects_header(import_file),
        rows=selectors.rejects_rows(import_file),
    )
