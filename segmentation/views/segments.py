"""Segments: list, editor with live counts, detail, export."""

import json
from collections.abc import Iterator

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.errors import DomainError
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from crm_suite.lib.masking import mask_name
from customers.books import book_of, current_book
from customers.models import CustomerFacts, Group, Platform, Stage
from segmentation import estimates, presets, previews, rules, selectors, services, walking
from segmentation.editor import schema
from segmentation.filters import SegmentFilter
from segmentation.forms import PreviewForm, SegmentForm, SizeForm
from segmentation.insight_rules import cells_name, cells_rule_there
from segmentation.models import Segment
from segmentation.views.keeping import kept


@requires("segmentation.view_segment")
def segment_list(request: HttpRequest) -> HttpResponse:
    shown = Segment.objects.select_related("created_by")
    if "archived" not in request.GET:
        shown = shown.filter(archived_at__isnull=True)
    found = SegmentFilter(request.GET, queryset=shown)
    page = Paginator(found.qs, 50).get_page(request.GET.get("page"))
    rows = [(segment, _words(segment)) for segment in page]
    return render(request, "segments/list.html", {"filter": found, "page": page, "rows": rows})


def _words(segment: Segment) -> str:
    try:
        return rules.describe(segment.rule)
    except rules.BadRule as error:
        return error.message


@requires("segmentation.view_segment")
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Who is in it, why, and how many of them can be reached."""
    segment = get_object_or_404(Segment, pk=pk)
    context: dict[str, object] = {"segment": segment, "words": _words(segment), "in_book": book_of(segment.book)}
    try:
        people = selectors.segment_members(segment)
        context["reach"] = reach = selectors.reach(people)
        everybody = estimates.everybody(book=segment.book, is_demo=segment.is_demo)
        context |= walking.first_of(
            reach["total"], everybody, lambda each: _first(request, segment, reach["total"], each)
        )
    except rules.BadRule as error:
        context["problem"] = error.message
    return render(request, "segments/detail.html", context)


def _first(request: HttpRequest, segment: Segment, total: int, each: bool) -> dict[str, object]:
    people = selectors.segment_members(segment, each=each).prefetch_related("customer")
    order = ["-pk", "-net_amount", "-orders"]
    return {
        "sample": previews.sample(people=people, rule=segment.rule, each=each),
        "members": listing(request, people, order=order, total=total, walks=each),
    }


@requires("segmentation.add_segment")
def new(request: HttpRequest) -> HttpResponse:
    """An empty editor, one filled from a preset, or one filled with a rule from another page."""
    if request.method == "POST":
        return _save(request, None)
    book = current_book(request)
    start: dict[str, str] = {"book": book.code if book else "", "rule": "{}"}
    preset = presets.preset_named(request.GET.get("preset", ""))
    if preset:
        start |= _from_preset(request, preset, start["book"])
    elif "rule" in request.GET:
        start |= {"name": request.GET.get("name", "")[:100], "rule": _given_rule(request)}
    return _editor(request, SegmentForm(initial=start), None)


def _from_preset(request: HttpRequest, preset: presets.Preset, book: str) -> dict[str, str]:
    rule = preset.made_for(book)
    if rule is None:
        messages.warning(request, _("The store says too little for “%(name)s” yet.") % {"name": preset.name})
        return {}
    return {"name": str(preset.name), "description": str(preset.why), "rule": json.dumps(rule)}


def _given_rule(request: HttpRequest) -> str:
    """The rule of the address, or an empty one where it cannot be used."""
    given = PreviewForm({"rule": request.GET["rule"]})
    given.is_valid()
    if "rule" in given.errors:
        messages.error(request, str(given.errors["rule"].as_data()[0].message))
        return "{}"
    return json.dumps(given.cleaned_data["rule"])


@requires("segmentation.change_segment")
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    segment = get_object_or_404(Segment, pk=pk)
    if request.method == "POST":
        return _save(request, segment)
    return _editor(request, SegmentForm.of(segment), segment)


def _save(request: HttpRequest, segment: Segment | None) -> HttpResponse:
    form = SegmentForm(request.POST)
    if form.is_valid():
        try:
            saved = services.save_segment(**form.cleaned_data, segment=segment, by=_person(request))
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("Segment “%(name)s” is saved.") % {"name": saved.name})
            return redirect("segments:detail", saved.pk)
    return _editor(request, form, segment, status=422)


def _editor(request: HttpRequest, form: SegmentForm, segment: Segment | None, *, status: int = 200) -> HttpResponse:
    start = form["rule"].value() or "{}"
    context = {
        "form": form, "segment": segment, "schema": schema(), "start": _readable(start),
        "presets": [] if segment else presets.PRESETS,
        "group_presets": presets.GROUPS, "stage_presets": presets.STAGES,
    }  # fmt: skip
    return render(request, "segments/edit.html", context, status=status)


def _readable(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {}


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


@requires("segmentation.view_segment")
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """Counts of a rule that somebody is editing."""
    form = PreviewForm(request.POST)
    if not form.is_valid():
        problem = next(iter(form.errors.values()))[0]
        return render(request, "segments/_preview.html", {"problem": problem})
    rule, book = form.cleaned_data["rule"], form.cleaned_data["book"]
    # Where people do not wait for the exact counts, the panel that is shown instead asks for them.
    patience = None if "exact" in request.POST else previews.PATIENCE
    counts = previews.preview(rule=rule, book=book, is_demo=_is_demo(request), patience=patience)
    number = request.POST.get("segment", "")
    context = {"preview": counts, "segment": number if number.isdecimal() else ""}
    return render(request, "segments/_preview.html", context)


@requires("segmentation.view_segment")
@require_POST
def examples(request: HttpRequest) -> HttpResponse:
    """A few members of a rule that somebody is editing, once it is known how many there are."""
    form, size = PreviewForm(request.POST), SizeForm(request.POST)
    if not (form.is_valid() and size.is_valid()):  # the panel with the counts has said what is wrong
        return HttpResponse()
    book = form.cleaned_data["book"]
    found = previews.examples(
        rule=form.cleaned_data["rule"], book=book, is_demo=_is_demo(request), **size.cleaned_data
    )  # fmt: skip
    return render(request, "segments/_sample.html", {"sample": found, "in_book": book_of(book)})


def _is_demo(request: HttpRequest) -> bool:
    """Whether the segment that is edited is an invented one; new ones are not."""
    number = request.POST.get("segment", "")
    return number.isdecimal() and len(number) < 19 and Segment.objects.filter(pk=number, is_demo=True).exists()


@requires("segmentation.add_segment")
def from_cells(request: HttpRequest) -> HttpResponseRedirect:
    """The chosen cells of the RFM grid (`cell=5-1&cell=5-2`, R before F) as a segment, or in the editor.

    `platform` narrows them to customers who bought there, as on the page.
    """
    given = request.POST if request.method == "POST" else request.GET
    cells = [(int(text[0]), int(text[2])) for text in given.getlist("cell") if _is_cell(text)]
    if not cells:
        messages.warning(request, _("Choose at least one cell of the grid."))
        return redirect("segmentation:rfm")
    asked = given.get("platform", "")
    platform = asked if asked in Platform.values else ""
    rule = cells_rule_there(presets.cells_rule(cells), platform)
    return kept(request, rule, cells_name(cells, platform))


def _is_cell(text: str) -> bool:
    return len(text) == 3 and text[1] == "-" and text[0] in "12345" and text[2] in "12345"


@requires("segmentation.change_segment")
@require_POST
def archive(request: HttpRequest, pk: int) -> HttpResponseRedirect:
    segment = get_object_or_404(Segment, pk=pk)
    services.archive_segment(segment=segment)
    messages.success(request, _("Segment “%(name)s” is archived.") % {"name": segment.name})
    return redirect("segments:list")


@requires("segmentation.add_segment")
@require_POST
def snapshot(request: HttpRequest, pk: int) -> HttpResponseRedirect:
    """Keep today's members as a segment of its own."""
    segment = get_object_or_404(Segment, pk=pk)
    try:
        copy = services.copy_as_snapshot(segment=segment, by=_person(request))
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("segments:detail", pk)
    messages.success(request, _("The members of this moment are kept in “%(name)s”.") % {"name": copy.name})
    return redirect("segments:detail", copy.pk)


@requires("segmentation.export_segment")
def export(request: HttpRequest, pk: int) -> StreamingHttpResponse | HttpResponse:
    """The members as CSV, names and addresses masked. Recorded."""
    segment = get_object_or_404(Segment, pk=pk)
    try:
        people = selectors.segment_members(segment).select_related("customer").order_by("pk")
    except rules.BadRule as error:
        return HttpResponse(error.message, status=409, content_type="text/plain; charset=utf-8")
    audit(action="segment.exported", target=f"segment {segment.pk}", changes={"name": segment.name}, request=request)
    header = [
        _("Customer"), _("Full name"), _("Phone"), _("E-mail"), _("City"), _("Lifecycle stage"), _("Value group"),
        _("Paid orders"), _("Net amount"), _("Currency"), _("Last purchase"),
    ]  # fmt: skip
    return csv_response(filename=f"{segment.name}.csv", header=header, rows=_export_rows(people.iterator(2000)))


def _export_rows(people: Iterator[CustomerFacts]) -> Iterator[list[object]]:
    stages, groups = dict(Stage.choices), dict(Group.choices)
    for facts in people:
        who = facts.customer
        yield [
            facts.pk, mask_name(who.name), who.masked_phone, who.masked_email, who.city, stages.get(facts.stage, ""),
            groups.get(facts.group, ""), facts.orders, facts.net_amount, facts.book[:3], facts.last_paid_on,
        ]  # fmt: skip
