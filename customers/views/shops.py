"""Settings of the shops."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError
from customers import books, services
from customers.forms import ShopForm
from customers.models import Shop


@requires("customers.manage_shops")
def shop_list(request: HttpRequest) -> HttpResponse:
    return render(request, "customers/shops.html", {"shops": Shop.objects.order_by("is_demo", "book", "name")})


@requires("customers.manage_shops")
def shop_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, Shop(currency="CNY"))


@requires("customers.manage_shops")
def shop_edit(request: HttpRequest, pk: int) -> HttpResponse:
    return _edit(request, get_object_or_404(Shop, pk=pk))


def _edit(request: HttpRequest, shop: Shop) -> HttpResponse:
    form = ShopForm(request.POST or None, instance=shop)
    if request.method == "POST" and form.is_valid():
        saved = services.save_shop(shop=form.save(commit=False), changed=form.changed_data, by=cast(User, request.user))
        messages.success(request, _("“%(shop)s” is saved.") % {"shop": saved})
        return redirect("customers:shops")
    known = [book for book in books.books() if not book.is_demo]
    return render(request, "customers/shop_form.html", {"form": form, "shop": shop, "books": known})


@requires("customers.manage_shops")
@require_POST
def shop_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Only a shop that nothing belongs to yet."""
    shop = get_object_or_404(Shop, pk=pk)
    try:
        services.delete_shop(shop=shop, by=cast(User, request.user))
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return redirect("customers:shop_edit", pk=pk)
    messages.success(request, _("“%(shop)s” is deleted.") % {"shop": shop})
    return redirect("customers:shops")
