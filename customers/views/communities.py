"""Communities: the groups, who is in them, and the panel of a customer."""

from collections.abc import Iterator
from typing import cast

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.days import today_in
from crm_suite.lib.errors import DomainError
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from crm_suite.lib.masking import mask_name
from customers import books, communities
from customers.forms import CommunityForm, JoinForm, MembershipForm
from customers.models import Community, CommunityMember, Customer

#: People of a pasted list that are shown before they are added; the others are counted.
SHOWN_MATCHES = 50


def _today(request: HttpRequest) -> str:
    book = books.current_book(request)
    return today_in(book.timezone if book else "UTC").isoformat()


@requires("customers.list_customers")
def community_list(request: HttpRequest) -> HttpResponse:
    rows = listing(request, communities.communities(), order=("name", "-present", "-gone"))
    return render(request, "customers/communities.html", {"listing": rows})


@requires("customers.export_customer")
def community_list_export(request: HttpRequest) -> HttpResponseBase:
    header = [_("Community"), _("Kind"), _("Number on the platform"), _("Looked after by"), _("Members"), _("Left")]
    kinds = dict(Community.Kind.choices)
    columns = ("name", "kind", "external_id", "owner", "present", "gone")
    found = communities.communities().order_by("name", "pk").values_list(*columns)
    rows = ((name, kinds[kind], *others) for name, kind, *others in found.iterator(2_000))
    return csv_response(filename="communities.csv", header=header, rows=rows)


@requires("customers.manage_communities")
def community_new(request: HttpRequest) -> HttpResponse:
    return _form(request, Community())


@requires("customers.manage_communities")
def community_edit(request: HttpRequest, pk: int) -> HttpResponse:
    return _form(request, get_object_or_404(Community, pk=pk))


def _form(request: HttpRequest, community: Community) -> HttpResponse:
    form = CommunityForm(request.POST or None, instance=community)
    if request.method == "POST" and form.is_valid():
        try:
            saved = communities.save_community(community=form.save(commit=False), by=cast(User, request.user))
        except DomainError as refusal:
            form.add_error("name", refusal.message)
        else:
            messages.success(request, _("“%(community)s” is saved.") % {"community": saved})
            return redirect("customers:community", pk=saved.pk)
    return render(request, "customers/community_form.html", {"form": form, "community": community})


@requires("customers.manage_communities")
@require_POST
def community_delete(request: HttpRequest, pk: int) -> HttpResponse:
    community = get_object_or_404(Community, pk=pk)
    communities.delete_community(community=community, by=cast(User, request.user))
    messages.success(request, _("“%(community)s” is deleted.") % {"community": community})
    return redirect("customers:communities")


# --- members ----------------------------------------------------------------------------------------------------------


@requires("customers.list_customers")
def community_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Who is in the group, newest first; with `?left=1` who has gone."""
    community = get_object_or_404(communities.communities(), pk=pk)
    rows = listing(request, _members(request, community), order=("-since", "-left_on"))
    context = {"community": community, "listing": rows, "shows_left": _shows_left(request), "today": _today(request)}
    return render(request, "customers/community.html", context)


def _shows_left(request: HttpRequest) -> bool:
    return request.GET.get("left") == "1"


def _members(request: HttpRequest, community: Community) -> QuerySet[CommunityMember]:
    return communities.members_of(community).filter(left_on__isnull=not _shows_left(request))


@requires("customers.export_customer")
def community_export(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The members that the page shows as CSV, recorded; names masked unless the person may see more."""
    community, user = get_object_or_404(Community, pk=pk), cast(User, request.user)
    clear = user.has_perm("customers.export_customer_clear")
    changes = {"list": f"community {community.name}", "clear": clear}
    audit(action="customer.export", actor=user, target="customers", changes=changes)
    header = [_("Number"), _("Full name"), _("Member since"), _("Came from"), _("Left on")]
    rows = _export_rows(_members(request, community), clear=clear)
    return csv_response(filename=f"{community.name}.csv", header=header, rows=rows)


def _export_rows(found: QuerySet[CommunityMember], *, clear: bool) -> Iterator[list[object]]:
    for member in found.order_by("customer").iterator(2_000):
        name = member.customer.name if clear else mask_name(member.customer.name)
        yield [member.customer_id, name, member.since, member.source, member.left_on]


@requires("customers.manage_communities")
def community_add(request: HttpRequest, pk: int) -> HttpResponse:
    """Paste who joined; first who was found is shown, then they are added."""
    community = get_object_or_404(Community, pk=pk)
    form = JoinForm(request.POST or None, initial={"since": _today(request)})
    context: dict[str, object] = {"community": community, "form": form}
    if request.method == "POST" and form.is_valid():
        try:
            matches = communities.match_lines(form.cleaned_data["lines"].splitlines())
        except DomainError as refusal:
            form.add_error("lines", refusal.message)
        else:
            if "add" in request.POST:
                return _add(request, community, matches, form)
            context |= _report(matches)
    return render(request, "customers/community_add.html", context)


def _report(matches: list[communities.Match]) -> dict[str, object]:
    found = [match for match in matches if match.customer]
    return {
        "is_checked": True, "found": found[:SHOWN_MATCHES], "found_count": len(found),
        "missing": [match for match in matches if not match.customer],
    }  # fmt: skip


def _add(request: HttpRequest, community: Community, matches: list[communities.Match], form: JoinForm) -> HttpResponse:
    ids = [match.customer.pk for match in matches if match.customer]
    joined = communities.add_members(
        community=community, customer_ids=ids, since=form.cleaned_data["since"], source=form.cleaned_data["source"],
        by=cast(User, request.user),
    )  # fmt: skip
    told = ngettext("%(count)s customer joined.", "%(count)s customers joined.", joined) % {"count": joined}
    messages.success(request, told)
    return redirect("customers:community", pk=community.pk)


@requires("customers.manage_communities")
@require_POST
def member_left(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody has left today."""
    member = get_object_or_404(CommunityMember.objects.select_related("community", "customer"), pk=pk)
    problem = _leave(request, member)
    if request.htmx:  # type: ignore[attr-defined]
        return _panel(request, member.customer, problem=problem)
    if problem:
        messages.error(request, problem)
    else:
        messages.success(request, _("%(customer)s has left.") % {"customer": member.customer})
    return redirect("customers:community", pk=member.community_id)


def _leave(request: HttpRequest, member: CommunityMember) -> str:
    book = books.current_book(request)
    try:
        today = today_in(book.timezone if book else "UTC")
        communities.record_leaving(member=member, on=today, by=cast(User, request.user))
    except DomainError as refusal:
        return refusal.message
    return ""


# --- one customer -----------------------------------------------------------------------------------------------------


@requires("customers.view_customer")
def communities_panel(request: HttpRequest, pk: int) -> HttpResponse:
    return _panel(request, get_object_or_404(Customer, pk=pk))


@requires("customers.manage_communities")
@require_POST
def community_join(request: HttpRequest, pk: int) -> HttpResponse:
    customer, form = get_object_or_404(Customer, pk=pk), MembershipForm(request.POST)
    if not form.is_valid():
        return _panel(request, customer, problem=_("Choose a community."))
    book = books.current_book(request)
    communities.add_members(
        community=form.cleaned_data["community"], customer_ids=[customer.pk], source=form.cleaned_data["source"],
        since=today_in(book.timezone if book else "UTC"), by=cast(User, request.user),
    )  # fmt: skip
    return _panel(request, customer)


def _panel(request: HttpRequest, customer: Customer, *, problem: str = "") -> HttpResponse:
    found = communities.communities_of(customer)
    present = {member.community_id for member in found if member.left_on is None}
    context = {
        "customer": customer, "members": found, "problem": problem,
        "joinable": Community.objects.exclude(pk__in=present)[:200],
    }  # fmt: skip
    return render(request, "customers/_communities.html", context)
