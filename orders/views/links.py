"""One product, several shops: suggestions, decisions, and the figures of what is linked."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_POST

from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError
from customers.books import book_of, current_book
from orders import catalogue, linking, product_figures, sales
from orders.catalogue_forms import ItemForm
from orders.models import CatalogueItem, Product
from orders.product_figures import ProductFigures, Sold
from orders.views.people import person
from orders.views.products import SPANS, asked_days


@requires("orders.view_product")
def link_list(request: HttpRequest) -> HttpResponse:
    """Pairs of products that may be one, of all shops of the store (or of its demo)."""
    book = current_book(request)
    found = linking.suggestions(is_demo=book.is_demo, page=request.GET.get("page", 1)) if book else None
    return render(request, "orders/product_links.html", {"book": book, "found": found, "most": linking.COMPARED})


@requires("orders.manage_catalogue")
@require_POST
def product_link(request: HttpRequest) -> HttpResponse:
    """POST `first`, `second`: they are one."""
    first, second = _pair(request)
    try:
        item = linking.link(first=first, second=second, by=person(request))
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("Linked as “%(name)s”.") % {"name": item.name})
    return _back(request)


@requires("orders.manage_catalogue")
@require_POST
def product_apart(request: HttpRequest) -> HttpResponse:
    """POST `first`, `second`: they are not the same, and are not proposed again."""
    first, second = _pair(request)
    try:
        linking.keep_apart(first=first, second=second, by=person(request))
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("Noted: not the same product."))
    return _back(request)


@requires("orders.manage_catalogue")
@require_POST
def product_unlink(request: HttpRequest, pk: int) -> HttpResponse:
    product = get_object_or_404(Product, pk=pk)
    try:
        linking.unlink(product=product, by=person(request))
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("“%(name)s” stands for itself again.") % {"name": str(product)})
    return redirect("orders:product", pk)


@requires("orders.manage_catalogue")
@require_POST
def product_link_certain(request: HttpRequest) -> HttpResponse:
    """Link every pair with the same SKU and the same name."""
    book = current_book(request)
    number = linking.link_certain(is_demo=book.is_demo, by=person(request)) if book else 0
    text = ngettext("%(n)s product is linked now.", "%(n)s products are linked now.", number)
    messages.success(request, text % {"n": number})
    return redirect("orders:links")


@requires("orders.view_product")
def item_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """A product that several shops sell: each shop's figures, and their sum per currency."""
    item = get_object_or_404(CatalogueItem, pk=pk)
    products = list(item.products.select_related("shop").order_by("shop__name", "pk"))
    days = asked_days(request, 365)
    known = [book for code in {one.shop.book for one in products} if (book := book_of(code))]
    anchor = max(filter(None, map(sales.anchor, known)), key=lambda found: found.day, default=None)
    found = Sold({}, {})
    context: dict[str, object] = {
        "item": item,
        "form": ItemForm(initial={"name": item.name, "category": item.category}),
        "days": days,
        "spans": SPANS,
    }
    if anchor:
        first = anchor.day - timedelta(days=days - 1)
        found = product_figures.sold([one.pk for one in products], first=first, last=anchor.day)
        context |= {"first": first, "last": anchor.day}
    rows = [(one, found.products.get(one.pk, ProductFigures())) for one in products]
    return render(request, "orders/item.html", context | {"rows": rows, "sums": list(found.currencies.items())})


@requires("orders.manage_catalogue")
@require_POST
def item_edit(request: HttpRequest, pk: int) -> HttpResponse:
    item = get_object_or_404(CatalogueItem, pk=pk)
    form = ItemForm(request.POST)
    if form.is_valid():
        catalogue.edit_item(item=item, by=person(request), **form.cleaned_data)
        messages.success(request, _("“%(name)s” is saved.") % {"name": item.name})
    else:
        messages.error(request, _("Give it a name."))
    return redirect("orders:item", pk)


def _pair(request: HttpRequest) -> tuple[Product, Product]:
    first, second = (request.POST.get(name, "") for name in ("first", "second"))
    products = Product.objects.select_related("shop")
    return (
        get_object_or_404(products, pk=int(first) if first.isdecimal() else 0),
        get_object_or_404(products, pk=int(second) if second.isdecimal() else 0),
    )


def _back(request: HttpRequest) -> HttpResponse:
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return redirect(target if is_ours else "orders:links")
