"""The loyalty programme: its members, tiers and rules, and the panel of a customer."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import cast

from django.contrib import messages
from django.core.cache import cache
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.days import today_in
from crm_suite.lib.errors import DomainError
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from crm_suite.lib.masking import mask_name
from customers import books, ledger, loyalty
from customers.books import Book
from customers.filters import MemberFilter
from customers.forms import PointsForm, PointsRuleForm, TierForm
from customers.lots import next_to_expire
from customers.models import Customer, Membership, PointsEntry, PointsRule, Shop, Tier

SHOWN_ENTRIES = 20


@requires("customers.list_customers")
def member_list(request: HttpRequest) -> HttpResponse:
    """Everybody in the programme of the chosen book, most points first."""
    book = books.current_book(request)
    if book is None:
        return render(request, "customers/loyalty.html", {"book": None})
    chosen = MemberFilter(request.GET, queryset=loyalty.members_of(book), book=book.code)
    context = {
        "book": book, "filter": chosen, "listing": listing(request, chosen.qs, order=("-points",)),
        "tiers": Tier.objects.filter(book=book.code).order_by("rank"), "chosen_tier": request.GET.get("tier"),
        "is_filtered": any(request.GET.get(name) for name in chosen.filters),
    }  # fmt: skip
    return render(request, "customers/loyalty.html", context)


@requires("customers.list_customers")
def loyalty_figures(request: HttpRequest) -> HttpResponse:
    """How the programme stands; counted at most every five minutes."""
    book = books.current_book(request)
    if book is None:
        return HttpResponse()
    counted: dict[str, object] = cache.get_or_set(f"loyalty:{book.code}", lambda: _figures(book), 300) or {}
    return render(request, "customers/_loyalty_figures.html", {**counted, "zone": book.timezone})


def _figures(book: Book) -> dict[str, object]:
    tiers = list(loyalty.tiers_of(book.code))
    return {"programme": loyalty.programme_of(book), "tiers": tiers, "counted_at": timezone.now()}


@requires("customers.export_customer")
def member_export(request: HttpRequest) -> HttpResponseBase:
    """What the list shows as CSV, recorded; names masked unless the person may see more."""
    book, user = books.current_book(request), cast(User, request.user)
    if book is None:
        return redirect("customers:loyalty")
    found = MemberFilter(request.GET, queryset=loyalty.members_of(book), book=book.code).qs
    clear = user.has_perm("customers.export_customer_clear")
    changes = {"list": "members", "filter": request.GET.urlencode(), "clear": clear}
    audit(action="customer.export", actor=user, target="customers", changes=changes)
    header = [_("Number"), _("Full name"), _("Loyalty number"), _("Member since"), _("Tier"), _("Since"), _("Points")]
    return csv_response(filename="members.csv", header=header, rows=_export_rows(found, clear=clear))


def _export_rows(found: QuerySet[Membership], *, clear: bool) -> Iterator[list[object]]:
    for member in found.order_by("pk").iterator(2_000):
        name = member.customer.name if clear else mask_name(member.customer.name)
        tier = member.tier.name if member.tier else ""
        yield [member.pk, name, member.number, member.joined_on, tier, member.tier_since, member.points]


# --- tiers ------------------------------------------------------------------------------------------------------------


@requires("customers.manage_loyalty")
def tier_list(request: HttpRequest) -> HttpResponse:
    """The steps of the programme in the chosen book, with how many stand on each."""
    book = books.current_book(request)
    tiers = list(loyalty.tiers_of(book.code)) if book else []
    return render(request, "customers/loyalty_tiers.html", {"book": book, "tiers": tiers})


@requires("customers.manage_loyalty")
def tier_new(request: HttpRequest) -> HttpResponse:
    book = books.current_book(request)
    if book is None:
        return redirect("customers:shop_new")
    highest = Tier.objects.filter(book=book.code).aggregate(rank=Max("rank"))["rank"] or 0
    return _tier_form(request, Tier(book=book.code, rank=highest + 1), book)


@requires("customers.manage_loyalty")
def tier_edit(request: HttpRequest, pk: int) -> HttpResponse:
    tier = get_object_or_404(Tier, pk=pk)
    return _tier_form(request, tier, books.book_of(tier.book))


def _tier_form(request: HttpRequest, tier: Tier, book: Book | None) -> HttpResponse:
    form = TierForm(request.POST or None, instance=tier)
    if request.method == "POST" and form.is_valid():
        try:
            saved = loyalty.save_tier(tier=form.save(commit=False), by=cast(User, request.user))
        except DomainError as refusal:
            form.add_error("name", refusal.message)
        else:
            messages.success(request, _("“%(tier)s” is saved. A job finds out who belongs to it.") % {"tier": saved})
            return redirect("customers:tiers")
    return render(request, "customers/loyalty_tier.html", {"form": form, "tier": tier, "book": book})


@requires("customers.manage_loyalty")
@require_POST
def tier_delete(request: HttpRequest, pk: int) -> HttpResponse:
    tier = get_object_or_404(Tier, pk=pk)
    loyalty.delete_tier(tier=tier, by=cast(User, request.user))
    messages.success(request, _("“%(tier)s” is deleted. A job finds out where its members stand.") % {"tier": tier})
    return redirect("customers:tiers")


# --- rules of points --------------------------------------------------------------------------------------------------


@requires("customers.manage_loyalty")
def rule_list(request: HttpRequest) -> HttpResponse:
    """Every shop with its rule, or none."""
    shops = Shop.objects.select_related("points_rule").order_by("is_demo", "name")
    rows = [(shop, rule, f"{rule.points_per_unit.normalize():f}" if rule else "") for shop, rule in _rules(shops)]
    return render(request, "customers/loyalty_rules.html", {"rows": rows})


def _rules(shops: Iterable[Shop]) -> Iterator[tuple[Shop, PointsRule | None]]:
    for shop in shops:
        yield shop, getattr(shop, "points_rule", None)


@requires("customers.manage_loyalty")
def rule_edit(request: HttpRequest, shop: int) -> HttpResponse:
    """How orders of this shop earn points; a job books what differs from what the ledger holds."""
    store = get_object_or_404(Shop, pk=shop)
    known = PointsRule.objects.filter(shop=store).first()
    rule = known or PointsRule(shop=store, starts_on=today_in(store.timezone), points_per_unit=1)
    form = PointsRuleForm(request.POST or None, instance=rule)
    if request.method == "POST" and form.is_valid():
        loyalty.save_points_rule(rule=form.save(commit=False), by=cast(User, request.user))
        messages.success(request, _("The rule of “%(shop)s” is saved. A job books what differs.") % {"shop": store})
        return redirect("customers:points_rules")
    return render(request, "customers/loyalty_rule.html", {"form": form, "shop": store, "is_new": known is None})


# --- one customer -----------------------------------------------------------------------------------------------------


@requires("customers.view_customer")
def loyalty_panel(request: HttpRequest, pk: int) -> HttpResponse:
    return _panel(request, get_object_or_404(Customer, pk=pk))


@requires("customers.manage_loyalty")
@require_POST
def points_book(request: HttpRequest, pk: int) -> HttpResponse:
    """Points given, spent or corrected by hand."""
    customer, form = get_object_or_404(Customer, pk=pk), PointsForm(request.POST)
    if not form.is_valid():
        return _panel(request, customer, problem=_("Say how many points, and what for."))
    given = form.cleaned_data
    try:
        VERBS[given["kind"]](
            customer=customer, points=given["points"], reason=given["reason"], by=cast(User, request.user)
        )
    except DomainError as refusal:
        return _panel(request, customer, problem=refusal.message)
    return _panel(request, customer)


VERBS: Mapping[str, Callable[..., PointsEntry]] = {
    PointsEntry.Kind.EARN.value: ledger.earn_points,
    PointsEntry.Kind.REDEEM.value: ledger.redeem_points,
    PointsEntry.Kind.ADJUST.value: ledger.adjust_points,
}


def _panel(request: HttpRequest, customer: Customer, *, problem: str = "") -> HttpResponse:
    book = books.current_book(request)
    entries = list(customer.points_entries.select_related("shop", "booked_by")[: SHOWN_ENTRIES + 1])
    context = {
        "customer": customer, "member": Membership.objects.select_related("tier").filter(pk=customer.pk).first(),
        "expiring": next_to_expire(ledger.lots_of(customer)), "entries": entries[:SHOWN_ENTRIES],
        "has_more": len(entries) > SHOWN_ENTRIES, "problem": problem, "zone": book.timezone if book else "UTC",
    }  # fmt: skip
    return render(request, "customers/_loyalty.html", context)
