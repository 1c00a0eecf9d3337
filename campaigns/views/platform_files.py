"""Files for the shop's platform: what waits to be uploaded, and what people do with each file."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.models import Campaign, PlatformFile
from campaigns.platform import files
from campaigns.platform.layouts import layout_of
from campaigns.platform.results import import_results
from campaigns.views.doorway import of_a_book, person, shown_book, told
from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from customers.books import Book
from customers.models import Platform


@requires("campaigns.view_campaign")
@of_a_book
def to_upload(request: HttpRequest, book: Book) -> HttpResponse:
    context = {"listing": listing(request, files.open_files(book), order=["campaign__send_until", "id"])}
    return render(request, "campaigns/platform_files.html", shown_book(book) | context)


@requires("campaigns.view_campaign")
def platform_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """The files of one campaign, with what can be done with each."""
    campaign = get_object_or_404(Campaign.objects.select_related("shop"), pk=pk)
    layout = layout_of(campaign.shop.platform)
    context = {
        "campaign": campaign, "files": files.files_of(campaign), "zone": campaign.shop.timezone,
        "layout": layout, "platform": campaign.shop.get_platform_display(),
    }  # fmt: skip
    return render(request, "campaigns/_platform_files.html", context)


@requires("campaigns.view_campaign")
def platform_export(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The list of files and what became of them; no buyer is in it."""
    campaign = get_object_or_404(Campaign, pk=pk)
    header = [
        _("File"), _("Platform"), _("State"), _("Messages"), _("Fetched (UTC)"), _("Uploaded (UTC)"),
        _("Results (UTC)"), _("Delivered"), _("Not delivered"), _("Waiting"),
    ]  # fmt: skip
    columns = (
        "number", "platform", "state", "rows", "fetched_at", "uploaded_at", "answered_at", "delivered", "undelivered",
        "waiting",
    )  # fmt: skip
    rows = (
        (number, Platform(platform).label, PlatformFile.State(state).label, *rest)
        for number, platform, state, *rest in files.files_of(campaign).values_list(*columns)
    )
    return csv_response(filename=f"{campaign.code}-files.csv", header=header, rows=rows)


@requires("campaigns.launch_campaign")
@require_POST
def file_fetch(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """The file itself. A POST: whoever takes it closes it."""
    file = _file(pk, number)
    only_names = "names" in request.POST
    try:
        content = files.fetch(file=file, by=person(request), only_names=only_names, request=request)
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return redirect("campaigns:detail", pk=pk)
    response = HttpResponse(content, content_type=f"text/csv; charset={layout_of(file.platform).encoding}")
    filename = f"{file.campaign.code}-{file.number}.csv"
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=filename) or "attachment"
    response["Cache-Control"] = "no-store"
    return response


@requires("campaigns.launch_campaign")
@require_POST
def file_uploaded(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    with told(request, _("Noted as uploaded: its messages count as sent from now on.")):
        files.mark_uploaded(file=_file(pk, number), by=person(request))
    return redirect("campaigns:detail", pk=pk)


@requires("campaigns.launch_campaign")
@require_POST
def file_withdraw(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    with told(request, _("Withdrawn: nobody in it got anything.")):
        files.withdraw(file=_file(pk, number), by=person(request), reason=request.POST.get("reason", ""))
    return redirect("campaigns:detail", pk=pk)


@requires("campaigns.launch_campaign")
@require_POST
def file_results(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """What the platform answered. The page says what came of it; sent twice it changes nothing."""
    file = _file(pk, number)
    context: dict[str, object] = {"campaign": file.campaign, "file": file}
    upload = request.FILES.get("results")
    try:
        if upload is None or isinstance(upload, list):
            return redirect("campaigns:detail", pk=pk)
        context["result"] = import_results(file=file, upload=upload, by=person(request))
    except DomainError as refusal:
        context["refusal"] = refusal.message
    return render(request, "campaigns/platform_results.html", context, status=422 if "refusal" in context else 200)


def _file(pk: int, number: int) -> PlatformFile:
    return get_object_or_404(PlatformFile.objects.select_related("campaign__shop"), campaign=pk, number=number)
