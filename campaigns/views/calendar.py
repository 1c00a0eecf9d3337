"""The calendar and the entries of the plan."""

from datetime import date, datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.forms import EntryForm, MoveForm, ReasonForm, blank_entry
from campaigns.launch.preflight import preflight_of
from campaigns.plan import planning
from campaigns.plan.month import month_of, sent_counts
from campaigns.selectors import entries_of
from campaigns.views.doorway import of_a_book, person, shown_book, told
from crm_suite.access.rules import requires
from crm_suite.lib.days import today_in
from crm_suite.lib.errors import DomainError
from customers.books import Book

#: What a campaign made of an entry holds back, percent.
HOLDOUT_OF_PLAN = 10
#: Where the last move is kept until the next calendar page offers to undo it.
UNDO = "undo_move"


@requires("campaigns.view_planentry")
@of_a_book
def calendar(request: HttpRequest, book: Book) -> HttpResponse:
    first = _month(request.GET.get("month", ""), book)
    context = shown_book(book) | {"month": month_of(book=book, first=first), "undo": request.session.pop(UNDO, None)}
    return render(request, "campaigns/calendar.html", context)


@requires("campaigns.add_planentry")
@of_a_book
def entry_new(request: HttpRequest, book: Book) -> HttpResponse:
    start = blank_entry(book=book, day=request.GET.get("day", ""))
    form = EntryForm(request.POST or None, book=book, initial=start)
    if request.method == "POST" and form.is_valid() and (done := _saved(request, form)):
        return done
    return render(request, "campaigns/entry_form.html", shown_book(book) | {"form": form})


@requires("campaigns.view_planentry")
@of_a_book
def entry(request: HttpRequest, book: Book, pk: int) -> HttpResponse:
    """One entry: what is planned, what a launch would do, what became of it."""
    found = get_object_or_404(entries_of(book), pk=pk)
    campaign = planning.campaign_of(found)
    line = planning.line_of(found, now=timezone.now(), sent=sent_counts([campaign]) if campaign else {})
    is_open = planning.is_open(found)
    can_edit = is_open and request.user.has_perm("campaigns.change_planentry")
    form = EntryForm(request.POST or None, book=book, instance=found)
    if can_edit and request.method == "POST" and form.is_valid() and (done := _saved(request, form)):
        return done
    context = {
        "entry": found, "line": line, "is_open": is_open, "form": form, "can_edit": can_edit,
        "move_form": MoveForm(initial={"day": found.day, "time": found.time}),
    }  # fmt: skip
    return render(request, "campaigns/entry.html", shown_book(book) | context)


@requires("campaigns.view_planentry")
@of_a_book
def entry_panel(request: HttpRequest, book: Book, pk: int) -> HttpResponse:
    """What a launch would do now, and the button that does it. A panel: counting a million customers takes its time."""
    found = get_object_or_404(entries_of(book), pk=pk)
    check = preflight_of(
        segment=found.segment, book=book.code, channel=found.channel, holdout_percent=HOLDOUT_OF_PLAN, shop=found.shop
    )
    context = {"entry": found, "preflight": check, "has_come": planning.moment_of(found) <= timezone.now()}
    return render(request, "campaigns/_entry_launch.html", shown_book(book) | context)


@requires("campaigns.change_planentry")
@require_POST
@of_a_book
def entry_move(request: HttpRequest, book: Book, pk: int) -> HttpResponse:
    found = get_object_or_404(entries_of(book), pk=pk)
    form = MoveForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This is no day: write it as 2026-11-23."))
        return _to_month(found.day)
    before, day = found.day, form.cleaned_data["day"]
    moved = _("“%(title)s” is now planned for %(day)s.") % {"title": found.title, "day": day}
    with told(request, "" if "undo" in request.POST else moved):
        planning.move_entry(entry=found, day=day, at=form.cleaned_data["time"], by=person(request))
        if "undo" not in request.POST and day != before:
            request.session[UNDO] = {"pk": found.pk, "title": found.title, "day": str(before)}
    return _to_month(day)


@requires("campaigns.change_planentry")
@require_POST
@of_a_book
def entry_skip(request: HttpRequest, book: Book, pk: int) -> HttpResponse:
    found = get_object_or_404(entries_of(book), pk=pk)
    form = ReasonForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    with told(request, _("“%(title)s” is skipped. It stays in the plan with its reason.") % {"title": found.title}):
        planning.skip_entry(entry=found, reason=reason, by=person(request))
    return redirect("campaigns:entry", pk=pk)


@requires("campaigns.delete_planentry")
@require_POST
@of_a_book
def entry_remove(request: HttpRequest, book: Book, pk: int) -> HttpResponse:
    found = get_object_or_404(entries_of(book), pk=pk)
    try:
        planning.remove_entry(entry=found, by=person(request))
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return redirect("campaigns:entry", pk=pk)
    messages.success(request, _("“%(title)s” is taken out of the plan.") % {"title": found.title})
    return _to_month(found.day)


@requires("campaigns.launch_campaign")
@require_POST
@of_a_book
def entry_launch(request: HttpRequest, book: Book, pk: int) -> HttpResponse:
    found = get_object_or_404(entries_of(book), pk=pk)
    try:
        campaign = planning.launch_entry(entry=found, by=person(request))
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return redirect("campaigns:entry", pk=pk)
    return redirect("campaigns:detail", pk=campaign.pk)


def _saved(request: HttpRequest, form: EntryForm) -> HttpResponse | None:
    """To the entry's month once it is saved; None, with the reason at the form, where a rule refused it."""
    try:
        saved = planning.save_entry(entry=form.save(commit=False), by=person(request))
    except DomainError as refusal:
        form.add_error("day" if refusal.code == "day_past" else None, refusal.message)
        return None
    messages.success(request, _("“%(title)s” is in the plan for %(day)s.") % {"title": saved.title, "day": saved.day})
    return _to_month(saved.day)


def _to_month(day: date) -> HttpResponse:
    return redirect(f"{reverse('campaigns:calendar')}?month={day:%Y-%m}")


def _month(text: str, book: Book) -> date:
    """The first day of `2026-11`; of the present month where the text is none."""
    try:
        return datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007  a calendar month has no zone
    except ValueError:
        return today_in(book.timezone).replace(day=1)
