"""The catalogue: list, one product, categories and costs by hand and from a file, and what sells best."""

from collections.abc import Iterator
from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.errors import DomainError
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from customers.books import Book, book_of, current_book
from customers.models import Shop
from orders import catalogue, charts, cost_file, product_figures, sales
from orders.catalogue_forms import CostFileForm, ProductForm
from orders.filters import ProductFilter
from orders.models import Product
from orders.views.people import person

SPANS = (30, 90, 365)
MONTHS_DAYS = 730


@requires("orders.view_product")
def product_list(request: HttpRequest) -> HttpResponse:
    """Every product of the book's shops, in alphabetical order."""
    book = current_book(request)
    if book is None:
        return render(request, "orders/products.html", {"book": None})
    chosen = _filtered(request, book)
    context = {
        "book": book,
        "filter": chosen,
        "listing": listing(request, chosen.qs, order=("name", "category", "-cost", "-pk")),
        "shops": Shop.objects.filter(pk__in=book.shop_ids),
        "categories": catalogue.categories_of(book),
        "completeness": catalogue.completeness(book),
        "is_filtered": any(value for name, value in request.GET.items() if name in chosen.filters),
    }
    return render(request, "orders/products.html", context)


def _filtered(request: HttpRequest, book: Book) -> ProductFilter:
    return ProductFilter(request.GET, queryset=catalogue.products_of(book), request=request)


@requires("orders.export_orders")
def product_export(request: HttpRequest) -> StreamingHttpResponse:
    """What the list shows, with the columns that the upload of costs reads."""
    book = current_book(request)
    rows = _export_rows(_filtered(request, book)) if book else iter(())
    audit(action="product.export", request=request, target="products", changes={"filter": request.GET.urlencode()})
    header = ["sku", "name", "category", "cost", "currency", "shop", "linked to"]
    return csv_response(filename=f"products-{timezone.now():%Y%m%d-%H%M}.csv", header=header, rows=rows)


def _export_rows(chosen: ProductFilter) -> Iterator[list[object]]:
    for one in chosen.qs.order_by("shop", "sku").iterator(chunk_size=2_000):
        linked = one.item.name if one.item else ""
        yield [one.sku, one.name, one.category, one.cost, one.shop.currency, one.shop.code, linked]


@requires("orders.view_product")
def product_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """What it sells, who comes back for it, what it costs, and what it is linked to."""
    product = get_object_or_404(Product.objects.select_related("shop", "item"), pk=pk)
    text = request.GET.get("find", "").replace("\x00", "").strip()[:80]
    context = {
        "product": product,
        "currency": product.shop.currency,
        "form": ProductForm(product=product),
        "linked": _linked(product),
        "text": text,
        "found": catalogue.find_partners(product, text),
        **_sold(request, product),
    }
    return render(request, "orders/product.html", context)


def _linked(product: Product) -> list[Product]:
    if product.item is None:
        return []
    return list(product.item.products.exclude(pk=product.pk).select_related("shop").order_by("shop__name", "pk"))


def _sold(request: HttpRequest, product: Product) -> dict[str, object]:
    book = book_of(product.shop.book)
    anchor = sales.anchor(book) if book else None
    days = asked_days(request, 365)
    if book is None or anchor is None:
        return {"figures": None}
    first = anchor.day - timedelta(days=days - 1)
    sold = product_figures.sold([product.pk], first=first, last=anchor.day)
    months = product_figures.months([product.pk], first=anchor.day - timedelta(days=MONTHS_DAYS - 1), last=anchor.day)
    return {
        "figures": sold.products.get(product.pk, product_figures.ProductFigures()),
        "chart": charts.product_chart(book, months) if months else None,
        "first": first,
        "last": anchor.day,
        "days": days,
        "spans": SPANS,
    }


def asked_days(request: HttpRequest, default: int) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked.isdecimal() and int(asked) in SPANS else default


@requires("orders.manage_catalogue")
def product_row(request: HttpRequest, pk: int) -> HttpResponse:
    """One row of the list: with fields to fill in, or (`?plain=1`) as it was."""
    product = get_object_or_404(Product.objects.select_related("shop", "item"), pk=pk)
    template = "orders/_product_row.html" if request.GET.get("plain") else "orders/_product_edit.html"
    return render(request, template, {"product": product, "form": ProductForm(product=product, in_row=True)})


@requires("orders.manage_catalogue")
@require_POST
def product_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Category and cost: from a row of the list (htmx), or from the product's page."""
    product = get_object_or_404(Product.objects.select_related("shop", "item"), pk=pk)
    form = ProductForm(request.POST, product=product, in_row=True)
    if form.is_valid():
        catalogue.edit_product(product=product, by=person(request), **form.cleaned_data)
        product.refresh_from_db()
    return _row_answer(request, product, form) if request.htmx else _page_answer(request, product, form)  # type: ignore[attr-defined]


def _row_answer(request: HttpRequest, product: Product, form: ProductForm) -> HttpResponse:
    context = {"product": product, "form": form, "is_saved": form.is_valid()}
    template = "orders/_product_row.html" if form.is_valid() else "orders/_product_edit.html"
    return render(request, template, context)


def _page_answer(request: HttpRequest, product: Product, form: ProductForm) -> HttpResponse:
    if form.is_valid():
        messages.success(request, _("Category and cost are saved."))
    else:
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect("orders:product", product.pk)


@requires("orders.manage_catalogue")
def product_costs(request: HttpRequest) -> HttpResponse:
    """Costs and categories from a file; says what became of the rows."""
    book = current_book(request)
    form = CostFileForm(request.POST or None, request.FILES or None, book=book)
    taken = None
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            taken = cost_file.take_costs(shop=form.cleaned_data["shop"], chunks=upload.chunks(), by=person(request))
        except DomainError as error:
            form.add_error("file", error.message)
    status = 422 if form.is_bound and form.errors else 200
    context = {"book": book, "form": form, "taken": taken, "most": cost_file.NAMED}
    return render(request, "orders/product_costs.html", context, status=status)


@requires("orders.view_product")
def best_products(request: HttpRequest) -> HttpResponse:
    """The best-selling hundred products of a period."""
    book = current_book(request)
    anchor = sales.anchor(book) if book else None
    days = asked_days(request, 90)
    text = request.GET.get("q", "").replace("\x00", "").strip()[:80]
    context: dict[str, object] = {"book": book, "anchor": anchor, "days": days, "spans": SPANS, "text": text}
    if book and anchor:
        first = anchor.day - timedelta(days=days - 1)
        products = sales.best_products(book, first=first, last=anchor.day, text=text)
        sort = request.GET.get("sort", "amount")
        context |= {"products": _sorted(products, sort), "first": first, "sort": sort}
    return render(request, "orders/products_best.html", context)


def _sorted(products: list[sales.ProductSales], by: str) -> list[sales.ProductSales]:
    if by not in {"units", "orders", "buyers", "repeat_share", "margin"}:
        return products
    return sorted(products, key=lambda product: getattr(product, by) or 0, reverse=True)
