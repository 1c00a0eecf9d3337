"""Customers who may be one person: the pairs to decide, merging, and taking a merge back."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.errors import DomainError
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from customers import books, comparing, duplicates, merging, searching
from customers.filters import sees_clear_addresses
from customers.models import Customer, CustomerMerge, DuplicatePair

EXPORTED = 5_000
FOUND = 8


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


@requires("customers.merge_customer")
def duplicate_list(request: HttpRequest) -> HttpResponse:
    """Pairs to decide, most likely first."""
    reason = request.GET.get("reason", "")
    reason = reason if reason in duplicates.REASONS else ""
    page = listing(request, comparing.with_both(duplicates.open_pairs(reason)), order=("-score",))
    shown = [(pair, comparing.compare(pair.first, pair.second), comparing.reasons_of(pair)) for pair in page]
    context = {"listing": page, "pairs": shown, "reasons": duplicates.REASONS.items(), "reason": reason}
    return render(request, "customers/duplicates.html", context)


@requires("customers.merge_customer")
def duplicate_export(request: HttpRequest) -> HttpResponseBase:
    """The pairs of the page as CSV, at most the 5,000 most likely; names masked unless the person may see more."""
    reason = request.GET.get("reason", "")
    found = duplicates.open_pairs(reason).select_related("first", "second").order_by("-score", "-id")[:EXPORTED]
    clear = _person(request).has_perm("customers.export_customer_clear")
    changes = {"reason": reason, "clear": clear}
    audit(action="customer.export", actor=_person(request), target="duplicates", changes=changes)
    name = f"duplicates-{timezone.now():%Y%m%d-%H%M}.csv"
    rows = comparing.export_rows(list(found), clear=clear)
    return csv_response(filename=name, header=comparing.export_header(), rows=rows)


@requires("customers.merge_customer")
@require_POST
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """One person (`keep` says which row stays), or not the same."""
    pair = get_object_or_404(DuplicatePair.objects.select_related("first", "second"), pk=pk)
    merge, problem = None, ""
    try:
        if request.POST.get("decision") == "same":
            keeps_second = request.POST.get("keep") == str(pair.second_id)
            kept, gone = (pair.second, pair.first) if keeps_second else (pair.first, pair.second)
            merge = merging.merge_customers(kept=kept, gone=gone, by=_person(request), reason=_reason(pair))
        else:
            duplicates.tell_apart(pair=pair, by=_person(request))
    except DomainError as refusal:
        problem = refusal.message
    if request.htmx:  # type: ignore[attr-defined]
        context = {"pair": pair, "merge": merge, "problem": problem}
        return render(request, "customers/_duplicate_done.html", context)
    _say(request, problem, _("Merged.") if merge else _("Noted: they are not the same."))
    return redirect("customers:duplicates")


def _reason(pair: DuplicatePair) -> str:
    return " · ".join(str(reason) for reason in comparing.reasons_of(pair))


def _say(request: HttpRequest, problem: str, success: str) -> None:
    if problem:
        messages.error(request, problem)
    else:
        messages.success(request, success)


@requires("customers.merge_customer")
def merge(request: HttpRequest) -> HttpResponse:
    """GET: choose the other customer of `?kept=` and compare both. POST: make `kept` and `gone` one."""
    if request.method == "POST":
        return _merge(request)
    kept = get_object_or_404(Customer.objects.present().select_related("facts"), pk=_number(request.GET.get("kept")))
    gone = Customer.objects.present().select_related("facts").filter(pk=_number(request.GET.get("gone"))).first()
    text = request.GET.get("q", "").replace("\x00", "").strip()
    found = searching.find(text, by_parts=sees_clear_addresses(request), limit=FOUND + 1) if len(text) >= 2 else []
    context = {
        "kept": kept, "text": text,
        "found": [hit.customer for hit in found if hit.customer != kept][:FOUND],
        "comparison": comparing.compare(kept, gone) if gone and gone != kept else None,
        "pairs": duplicates.pairs_of(kept.pk) if gone is None else [],
    }  # fmt: skip
    return render(request, "customers/merge.html", context)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0


def _merge(request: HttpRequest) -> HttpResponse:
    people = [get_object_or_404(Customer, pk=_number(request.POST.get(name))) for name in ("kept", "gone")]
    problem = ""
    try:
        reason = request.POST.get("reason", "")
        merging.merge_customers(kept=people[0], gone=people[1], by=_person(request), reason=reason)
    except DomainError as refusal:
        problem = refusal.message
    words = _("No. %(gone)s is part of this customer now.") % {"gone": people[1].pk}
    _say(request, problem, words)
    return redirect("customers:detail", pk=people[0].pk)


@requires("customers.merge_customer")
def merge_list(request: HttpRequest) -> HttpResponse:
    """What was merged, newest first, to be taken back."""
    merges = CustomerMerge.objects.select_related("kept", "gone", "merged_by", "undone_by").defer("moved")
    book = books.current_book(request)
    context = {"listing": listing(request, merges, order=("-pk",)), "zone": book.timezone if book else "UTC"}
    return render(request, "customers/duplicate_merges.html", context)


@requires("customers.merge_customer")
def merge_export(request: HttpRequest) -> HttpResponseBase:
    """The newest 5,000 merges as CSV."""
    merges = CustomerMerge.objects.select_related("merged_by", "undone_by").defer("moved")[:EXPORTED]
    header = [_("Kept"), _("Merged into it"), _("Why"), _("When"), _("Who"), _("Undone at"), _("Undone by")]
    rows = (
        [row.kept_id, row.gone_id, row.reason, row.merged_at, row.merged_by, row.undone_at, row.undone_by]
        for row in merges
    )
    audit(action="customer.export", actor=_person(request), target="merges")
    return csv_response(filename=f"merges-{timezone.now():%Y%m%d-%H%M}.csv", header=header, rows=rows)


@requires("customers.merge_customer")
@require_POST
def unmerge(request: HttpRequest, pk: int) -> HttpResponse:
    problem = ""
    found = get_object_or_404(CustomerMerge, pk=pk)
    try:
        merging.unmerge(merge=found, by=_person(request))
    except DomainError as refusal:
        problem = refusal.message
    _say(request, problem, _("No. %(gone)s is a customer of their own again.") % {"gone": found.gone_id})
    return redirect("customers:merges")
