"""The platforms page: dependence on one of them, and who would still be reached without it."""

import json

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from customers import exports
from customers.books import current_book
from customers.models import Community, Customer, Platform
from orders import charts, platforms, reachability, sales

SPANS = (90, 180, 365)


@requires("orders.view_sales")
def platform_page(request: HttpRequest) -> HttpResponse:
    """The frame; figures and reachability come as panels."""
    book = current_book(request)
    anchor = sales.anchor(book) if book else None
    context = {"book": book, "anchor": anchor, "days": _days(request), "spans": SPANS}
    return render(request, "orders/platforms.html", context)


@requires("orders.view_sales")
def platform_figures(request: HttpRequest) -> HttpResponse:
    """Shares, concentration and the trend of the last weeks."""
    book = current_book(request)
    anchor = sales.anchor(book) if book else None
    context: dict[str, object] = {"book": book, "anchor": anchor}
    if book and anchor:
        found = platforms.dependence(book, anchor.day, days=_days(request))
        context |= {
            "found": found,
            "rows": [(charts.platform_name(row.platform), row) for row in found.platforms],
            "words": concentration_words(found.concentration),
            "alerts": [(charts.platform_name(rise.platform), rise) for rise in found.trend.alerts],
            "trend_chart": charts.trend_chart(found.trend) if found.trend.shares else None,
            "days": _days(request),
        }
    return render(request, "orders/_platform_figures.html", context)


def concentration_words(index: float | None) -> str:
    if index is None:
        return _("nothing was sold")
    if index >= 0.8:
        return _("nearly everything hangs on one platform")
    if index >= 0.5:
        return _("one platform carries most")
    return _("a few platforms carry it") if index >= 0.25 else _("well spread")


@requires("orders.view_sales")
def reach_panel(request: HttpRequest) -> HttpResponse:
    """If a platform closed tomorrow: a panel for any page that is about a book."""
    book = current_book(request)
    found = reachability.reachability(book) if book else []
    rows = [(charts.platform_name(row.platform), row) for row in found]
    worst = max(rows, key=lambda row: row[1].lost, default=None)
    return render(request, "orders/_platform_reach.html", {"book": book, "rows": rows, "worst": worst})


@requires("customers.list_customers")
def platform_people(request: HttpRequest, platform: str) -> HttpResponse:
    """The customers behind a figure of reachability, greatest net amount first."""
    book, way = current_book(request), _way(request, platform)
    if book is None:
        return redirect("orders:platforms")
    people = reachability.people_behind(book, platform=platform, way=way)
    context = {
        "book": book,
        "platform": platform,
        "name": charts.platform_name(platform),
        "way": way,
        "ways": _ways(),
        "listing": listing(request, people, order=("-net_amount", "-orders", "-last_paid_on")),
        "segment_url": _segment_url(platform) if way == reachability.LOST else "",
    }
    return render(request, "orders/platform_people.html", context)


@requires("customers.export_customer")
def platform_people_export(request: HttpRequest, platform: str) -> HttpResponseBase:
    """The same customers as CSV; names, phones and e-mails masked unless the person may see more."""
    book, way = current_book(request), _way(request, platform)
    if book is None:
        return redirect("orders:platforms")
    behind = reachability.people_behind(book, platform=platform, way=way).values("pk")
    people = Customer.objects.filter(pk__in=behind).select_related("facts")
    clear = request.user.has_perm("customers.export_customer_clear")
    changes = {"platform": platform, "way": way, "clear": clear}
    audit(action="customer.export", request=request, target="customers", changes=changes)
    return csv_response(
        filename=f"{platform}-{way}-{timezone.now():%Y%m%d-%H%M}.csv",
        header=exports.header(),
        rows=exports.rows(people, book=book, clear=clear),
    )


def _days(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked.isdecimal() and int(asked) in SPANS else platforms.ACTIVE_DAYS


def _way(request: HttpRequest, platform: str) -> str:
    if platform not in Platform.values:
        raise Http404
    way = request.GET.get("way", "all")
    return way if way in reachability.WAYS else "all"


def _ways() -> dict[str, str]:
    return {
        "all": _("All its customers"),
        reachability.OWN: _("Reached without any platform"),
        reachability.OTHER: _("Only on another platform"),
        reachability.LOST: _("Out of reach"),
    }


def _segment_url(platform: str) -> str:
    """The segment editor with the rule for those who would be lost. Rules do not ask about IDs on other platforms."""
    asked: list[dict[str, object]] = [
        {"field": "platform", "op": "in", "value": [platform]},
        {"field": "platform", "op": "not_in", "value": [code for code in Platform.values if code != platform]},
        {"field": "email_ok", "op": "is", "value": False},
        {"field": "sms_ok", "op": "is", "value": False},
    ]
    if communities := [str(pk) for pk in Community.objects.values_list("pk", flat=True)]:
        asked.append({"field": "community", "op": "not_in", "value": communities})
    name = _("Reached only through %(platform)s") % {"platform": charts.platform_name(platform)}
    query = {"rule": json.dumps({"all": asked}, separators=(",", ":")), "name": name}
    return f"{reverse('segments:new')}?{urlencode(query)}"
