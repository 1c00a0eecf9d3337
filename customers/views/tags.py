"""Tags and notes: the list of words, and the two panels of a customer."""

from collections.abc import Iterator
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from customers import books, notes, tagging
from customers.forms import TagForm
from customers.models import Customer, Tag

SHOWN_NOTES = 50
SUGGESTED = 200


@requires("customers.list_customers")
def tag_list(request: HttpRequest) -> HttpResponse:
    """Every word with how many customers carry it."""
    return _page(request, TagForm())


def _page(request: HttpRequest, form: TagForm, *, status: int = 200) -> HttpResponse:
    rows = listing(request, tagging.tags_with_counts(), order=("name", "-customers"))
    return render(request, "customers/tags.html", {"listing": rows, "form": form}, status=status)


@requires("customers.export_customer")
def tag_export(request: HttpRequest) -> HttpResponseBase:
    header = [_("Tag"), _("Description"), _("Customers"), _("By rule"), _("By import")]
    return csv_response(filename="tags.csv", header=header, rows=_export_rows())


def _export_rows() -> Iterator[tuple[object, ...]]:
    columns = ("name", "description", "customers", "by_rule", "by_import")
    yield from tagging.tags_with_counts().order_by("name").values_list(*columns).iterator(2_000)


@requires("customers.tag_customer")
@require_POST
def tag_new(request: HttpRequest) -> HttpResponse:
    return _save(request, None)


@requires("customers.tag_customer")
@require_POST
def tag_edit(request: HttpRequest, pk: int) -> HttpResponse:
    return _save(request, get_object_or_404(Tag, pk=pk))


def _save(request: HttpRequest, tag: Tag | None) -> HttpResponse:
    form = TagForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            saved = tagging.save_tag(
                tag=tag, name=given["name"], description=given["description"], by=cast(User, request.user)
            )
        except DomainError as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, _("“%(tag)s” is saved.") % {"tag": saved})
    else:
        messages.error(request, _("Write a word to tag with."))
    return redirect("customers:tags")


@requires("customers.tag_customer")
@require_POST
def tag_delete(request: HttpRequest, pk: int) -> HttpResponse:
    tag = get_object_or_404(Tag, pk=pk)
    used = tagging.delete_tag(tag=tag, by=cast(User, request.user))
    told = ngettext(
        "“%(tag)s” is deleted; it was on %(count)s customer.", "“%(tag)s” is deleted; it was on %(count)s customers.",
        used,
    )  # fmt: skip
    messages.success(request, told % {"tag": tag.name, "count": used})
    return redirect("customers:tags")


# --- one customer -----------------------------------------------------------------------------------------------------


@requires("customers.view_customer")
def tags_panel(request: HttpRequest, pk: int) -> HttpResponse:
    return _tags(request, get_object_or_404(Customer, pk=pk))


@requires("customers.tag_customer")
@require_POST
def tags_add(request: HttpRequest, pk: int) -> HttpResponse:
    """One word, or several with commas between."""
    customer = get_object_or_404(Customer, pk=pk)
    names = request.POST.get("names", "").replace("，", ",").split(",")
    try:
        tagging.add_tags(customer=customer, names=names, by=cast(User, request.user))
    except DomainError as refusal:
        return _tags(request, customer, problem=refusal.message)
    return _tags(request, customer)


@requires("customers.tag_customer")
@require_POST
def tags_remove(request: HttpRequest, pk: int, tag: int) -> HttpResponse:
    customer = get_object_or_404(Customer, pk=pk)
    try:
        tagging.remove_tag(customer=customer, tag=get_object_or_404(Tag, pk=tag), by=cast(User, request.user))
    except DomainError as refusal:
        return _tags(request, customer, problem=refusal.message)
    return _tags(request, customer)


def _tags(request: HttpRequest, customer: Customer, *, problem: str = "") -> HttpResponse:
    context = {
        "customer": customer, "uses": tagging.tags_of(customer), "problem": problem,
        "suggestions": Tag.objects.values_list("name", flat=True)[:SUGGESTED],
    }  # fmt: skip
    return render(request, "customers/_tags.html", context)


@requires("customers.tag_customer")
def notes_panel(request: HttpRequest, pk: int) -> HttpResponse:
    return _notes(request, get_object_or_404(Customer, pk=pk))


@requires("customers.tag_customer")
@require_POST
def note_add(request: HttpRequest, pk: int) -> HttpResponse:
    customer, text = get_object_or_404(Customer, pk=pk), request.POST.get("text", "")
    try:
        notes.write_note(customer=customer, text=text, by=cast(User, request.user))
    except DomainError as refusal:
        return _notes(request, customer, problem=refusal.message, text=text)
    return _notes(request, customer)


def _notes(request: HttpRequest, customer: Customer, *, problem: str = "", text: str = "") -> HttpResponse:
    book = books.current_book(request)
    found = list(notes.notes_of(customer)[: SHOWN_NOTES + 1])
    context = {
        "customer": customer, "notes": found[:SHOWN_NOTES], "has_more": len(found) > SHOWN_NOTES, "problem": problem,
        "text": text, "zone": book.timezone if book else "UTC",
    }  # fmt: skip
    return render(request, "customers/_notes.html", context)
