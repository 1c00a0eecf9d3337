"""The copy library: texts with what they did, as a page and as a file; and one of them once more."""

from collections.abc import Iterator

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.models import TemplateVersion
from campaigns.results.uplift import Interval, Verdict
from campaigns.texts.content import restore_version, unarchive_template
from campaigns.texts.copies import SORTS, Sent, Together, library
from campaigns.texts.forms import LibraryFilter
from campaigns.views.doorway import of_a_book, person, shown_book
from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError
from crm_suite.lib.exports import csv_response
from customers.books import Book, current_book


@requires("campaigns.view_campaign")
@of_a_book
def copy_library(request: HttpRequest, book: Book) -> HttpResponse:
    chosen, rows = _wanted(request, book)
    sort = request.GET.get("sort", "")
    context = {
        "rows": [(row, verdict_words(row.orders)) for row in rows],
        "filter": chosen,
        "has_filters": any(chosen.cleaned_data.values()),
        "sort": sort if sort in SORTS else SORTS[0],
    }
    return render(request, "campaigns/copies.html", shown_book(book) | context)


@requires("campaigns.view_campaign")
def copies_export(request: HttpRequest) -> StreamingHttpResponse:
    book = current_book(request)
    if book is None:
        raise Http404
    _chosen, rows = _wanted(request, book)
    header = [
        _("Template"), _("Version"), _("Channel"), _("Topic"), _("Subject"), _("Text"), _("Campaigns"), _("Last sent"),
        _("Delivered"), _("Response"), _("Low (95 %)"), _("High (95 %)"), _("Activation, treated"),
        _("Activation, difference"), _("Low (95 %)"), _("High (95 %)"), _("Uplift in orders"), _("Low (95 %)"),
        _("High (95 %)"), _("Held out"), _("Verdict"),
    ]  # fmt: skip
    return csv_response(filename="copies.csv", header=header, rows=_lines(rows))


@requires("campaigns.add_campaign")
@require_POST
@of_a_book
def copy_use(request: HttpRequest, book: Book, pk: int) -> HttpResponse:
    """A new campaign with this text. A text that its template no longer has becomes the template's newest version."""
    version = get_object_or_404(TemplateVersion.objects.select_related("template"), pk=pk)
    template, is_current = version.template, version.number == version.template.version
    if not (is_current and template.archived_at is None):
        if not request.user.has_perm("campaigns.change_template"):
            messages.error(request, _("The template has another text by now, and you may not change it."))
            return redirect("campaigns:copies")
        try:
            unarchive_template(template=template, by=person(request))
            if not is_current:
                restore_version(version=version, by=person(request))
        except DomainError as refusal:
            messages.error(request, refusal.message)
            return redirect("campaigns:copies")
    where = f"template={template.pk}&channel={template.channel}"
    return redirect(f"{reverse('campaigns:new')}?{where}")


def verdict_words(orders: Together) -> str:
    """What may honestly be said of the uplift."""
    if not orders.holdout.n:
        return _("Cannot tell: nobody was held out.")
    return {
        Verdict.WORKS: _("It works."),
        Verdict.HARMS: _("It does harm."),
        Verdict.NO_EVIDENCE: _("No evidence of an effect."),
        Verdict.CANNOT_TELL: _("Cannot tell: too few customers."),
    }[orders.verdict]


def _wanted(request: HttpRequest, book: Book) -> tuple[LibraryFilter, list[Sent]]:
    chosen = LibraryFilter(request.GET)
    chosen.full_clean()
    return chosen, library(book, sort=request.GET.get("sort", ""), **chosen.cleaned_data)


def _lines(rows: list[Sent]) -> Iterator[list[object]]:
    """One row per version; shares as 0–1."""
    for row in rows:
        template = row.version.template
        yield [
            template.name, row.version.number, template.get_channel_display(), template.topic, row.version.subject,
            row.version.body, len(row.campaigns), row.last, row.delivered,
            *_interval(row.response.interval), row.activation.treated.value, *_interval(row.activation.uplift),
            *_interval(row.orders.uplift), row.orders.holdout.n, verdict_words(row.orders),
        ]  # fmt: skip


def _interval(found: Interval | None) -> list[object]:
    return ["", "", ""] if found is None else [round(value, 6) for value in (found.mid, found.low, found.high)]
