"""Orders: the list, one of them, and what the search box and the customer page ask for."""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from customers.books import Book, current_book
from customers.models import Shop
from orders import selectors
from orders.filters import OrderFilter
from orders.models import ImportFile, Order

LINES_SHOWN = 500


@requires("orders.list_orders")
def order_list(request: HttpRequest) -> HttpResponse:
    book = current_book(request)
    if book is None:
        return render(request, "orders/list.html", {"book": None})
    chosen = _filtered(request, book)
    shops = list(Shop.objects.filter(pk__in=book.shop_ids))
    context = {
        "book": book,
        "filter": chosen,
        "listing": listing(request, chosen.qs, order=["-placed_at"]),
        "shops": shops,
        "platforms": sorted({(shop.platform, str(shop.get_platform_display())) for shop in shops}),
        "is_filtered": any(value for name, value in request.GET.items() if name in chosen.filters),
    }
    return render(request, "orders/list.html", context)


@requires("orders.export_orders")
def order_export(request: HttpRequest) -> StreamingHttpResponse:
    """What the list shows, as CSV without personal data. Times are UTC."""
    book = current_book(request)
    rows = selectors.orders_for_export(_filtered(request, book).qs) if book else iter(())
    audit(action="orders.export", request=request, target="orders", changes={"filter": request.GET.urlencode()})
    header = [
        _("Order number"), _("Shop"), _("State"), _("Platform's word"), _("Placed at"), _("Paid at"), _("Total"),
        _("Amount paid"), _("Amount refunded"), _("Net amount"), _("Currency"), _("Customer"),
    ]  # fmt: skip
    return csv_response(filename=f"orders-{timezone.now():%Y%m%d-%H%M}.csv", header=header, rows=rows)


def _filtered(request: HttpRequest, book: Book) -> OrderFilter:
    return OrderFilter(request.GET, queryset=selectors.orders_of(book), request=request, zone=book.timezone)


@requires("orders.view_order")
def order_detail(request: HttpRequest, pk: int) -> HttpResponse:
    order = get_object_or_404(Order.objects.select_related("shop", "customer"), pk=pk)
    lines = list(order.lines.select_related("product").order_by("line_no")[:LINES_SHOWN])
    context = {
        "order": order,
        "lines": lines,
        "margin": selectors.margin(order, lines) if len(lines) < LINES_SHOWN else None,
        "imported": ImportFile.objects.filter(pk=order.import_id).first() if order.import_id else None,
        "refunds": order.refunds.select_related("shop"),
        "zone": order.shop.timezone,
        "currency": order.shop.currency,
    }
    return render(request, "orders/detail.html", context)


@requires("orders.view_order")
def search(request: HttpRequest) -> HttpResponse:
    """Orders for the search box, by the beginning of their number."""
    text = request.GET.get("q", "").replace("\x00", "").strip()
    return render(request, "orders/_found.html", {"text": text, "orders": selectors.find_orders(text)})


@requires("orders.view_order")
def customer_panel(request: HttpRequest, pk: int) -> HttpResponse:
    orders, total = selectors.customers_orders(pk)
    context = {"orders": orders, "total": total, "refunds": selectors.refunds_without_order(pk), "customer_id": pk}
    return render(request, "orders/_customer.html", context)
