"""Templates: the list, the editor, a test copy, putting away."""

from collections.abc import Callable

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.forms import TestForm
from campaigns.models import Medium, Template
from campaigns.providers.trying import send_test
from campaigns.selectors import usable_segments
from campaigns.texts import content
from campaigns.texts.forms import LibraryFilter, TemplateForm
from campaigns.texts.previews import fields_for, person_of
from campaigns.texts.rendering import MERGE_FIELDS
from campaigns.texts.starters import STARTERS, starter
from campaigns.texts.versions import templates_with_use, topics_in_use, use_of
from campaigns.views.doorway import of_a_book, person, shown_book, told
from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.lib.errors import WrongState
from crm_suite.lib.exports import csv_response
from customers.books import Book
from customers.models import Shop


@requires("campaigns.view_template")
def template_list(request: HttpRequest) -> HttpResponse:
    chosen, found = _wanted(request)
    context = {
        "templates": found,
        "filter": chosen,
        "archived": "archived" in request.GET,
        "has_filters": any(chosen.cleaned_data.values()),
    }
    return render(request, "campaigns/template_list.html", context)


@requires("campaigns.view_template")
def template_export(request: HttpRequest) -> StreamingHttpResponse:
    """The list as a file, with the whole texts."""
    header = [
        _("Name"), _("Channel"), _("Format"), _("Topic"), _("Subject"), _("Text"), _("Version"),
        _("Used by campaigns"), _("Last used"), _("Last changed"),
    ]  # fmt: skip
    rows = (
        [
            found.name, found.get_channel_display(), found.get_format_display(), found.topic, found.subject, found.body,
            found.version, *use_of(found), found.updated_at,
        ]
        for found in _wanted(request)[1]
    )  # fmt: skip
    return csv_response(filename="templates.csv", header=header, rows=rows)


def _wanted(request: HttpRequest) -> tuple[LibraryFilter, QuerySet[Template]]:
    chosen = LibraryFilter(request.GET)
    chosen.full_clean()
    found = templates_with_use(archived="archived" in request.GET)
    for name in ("channel", "topic"):
        if value := chosen.cleaned_data.get(name):
            found = found.filter(Q(**{name: value}))
    return chosen, found


@requires("campaigns.add_template")
@of_a_book
def template_new(request: HttpRequest, book: Book) -> HttpResponse:
    return _editor(request, book, None)


@requires("campaigns.change_template")
@of_a_book
def template_edit(request: HttpRequest, book: Book, pk: int) -> HttpResponse:
    return _editor(request, book, get_object_or_404(Template, pk=pk))


@requires("campaigns.change_template")
@require_POST
@of_a_book
def template_test(request: HttpRequest, book: Book, pk: int) -> HttpResponse:
    """A copy of the saved text to one address, filled for the chosen customer or for somebody invented."""
    form = TestForm(request.POST)
    address = form.cleaned_data["address"] if form.is_valid() else ""
    shop, facts = shop_of(book), person_of(book, request.POST.get("as", ""))
    fields = fields_for(facts, shop=shop) if facts and shop else None
    template = get_object_or_404(Template, pk=pk)
    with told(request, _("A test copy went to %(address)s.") % {"address": address}):
        send_test(template=template, address=address, by=person(request), shop=shop, fields=fields)
    return redirect("campaigns:template_edit", pk=pk)


@requires("campaigns.change_template")
@require_POST
def template_archive(request: HttpRequest, pk: int) -> HttpResponse:
    return _moved(request, pk, content.archive_template, _("“%(name)s” is in the archive."))


@requires("campaigns.change_template")
@require_POST
def template_unarchive(request: HttpRequest, pk: int) -> HttpResponse:
    return _moved(request, pk, content.unarchive_template, _("“%(name)s” is back in the list."))


def _moved(request: HttpRequest, pk: int, verb: Callable[..., None], words: str) -> HttpResponse:
    template = get_object_or_404(Template, pk=pk)
    with told(request, words % {"name": template.name}):
        verb(template=template, by=person(request))
    return redirect("campaigns:template_list")


def _editor(request: HttpRequest, book: Book, template: Template | None) -> HttpResponse:
    form = TemplateForm(request.POST or None, instance=template, initial=_beginning(request))
    if request.method == "POST" and form.is_valid():
        saved = _saved(form, person(request))
        if saved is not None:
            words = {"name": saved.name, "number": saved.version}
            messages.success(request, _("“%(name)s” is saved as version %(number)s.") % words)
            return redirect("campaigns:template_edit", pk=saved.pk)
    context = {
        "form": form,
        "template": template,
        "fields": MERGE_FIELDS.items(),
        "topics": topics_in_use(),
        "segments": usable_segments(book),
        "starters": STARTERS,
        "shop": shop_of(book),
        "test_form": TestForm(),
    }
    return render(request, "campaigns/template_form.html", shown_book(book) | context)


def _saved(form: TemplateForm, by: User) -> Template | None:
    try:
        return content.save_template(template=form.save(commit=False), by=by, seen=form.cleaned_data["seen"])
    except WrongState as refusal:
        form.add_error(None, refusal.message)
        return None


def _beginning(request: HttpRequest) -> dict[str, object]:
    """What a new template begins with: `?starter=news`."""
    known = starter(request.GET.get("starter", ""))
    if known is None:
        return {}
    return {"channel": Medium.EMAIL, "format": Template.Format.MJML, "subject": known.subject, "body": known.body}


def shop_of(book: Book) -> Shop | None:
    """The shop in whose name a preview speaks: the oldest of the book."""
    return Shop.objects.filter(pk__in=book.shop_ids).order_by("id").first()
