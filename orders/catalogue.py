"""The catalogue: categories, costs, and what a product could be linked with."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypedDict, Unpack

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput
from customers.books import Book
from orders.models import CatalogueItem, Product
from orders.sql import forget_figures

FOUND = 10
LARGEST_COST = Decimal(10) ** 12


def products_of(book: Book) -> QuerySet[Product]:
    """The products of the book's shops, with shop and what they are linked to."""
    return Product.objects.filter(shop__in=book.shop_ids).select_related("shop", "item")


def categories_of(book: Book) -> list[str]:
    """Up to 200 categories in use, in alphabetical order."""
    named = products_of(book).exclude(category="").order_by("category")
    return list(named.values_list("category", flat=True).distinct()[:200])


@dataclass(frozen=True)
class Completeness:
    """How far the book's catalogue is filled in: numbers of products."""

    products: int
    without_cost: int
    without_category: int


def completeness(book: Book) -> Completeness:
    found = Product.objects.filter(shop__in=book.shop_ids).aggregate(
        products=Count("pk"),
        without_cost=Count("pk", filter=Q(cost__isnull=True)),
        without_category=Count("pk", filter=Q(category="")),
    )
    return Completeness(**found)


def find_partners(product: Product, text: str) -> list[Product]:
    """Up to ten products that `product` could be linked with: the text is in their name or SKU."""
    if not text:
        return []
    found = Product.objects.filter(Q(name__icontains=text) | Q(sku__icontains=text), shop__is_demo=product.shop.is_demo)
    if product.item_id:
        found = found.exclude(item=product.item_id)
    return list(found.exclude(pk=product.pk).select_related("shop", "item").order_by("name", "pk")[:FOUND])


class ProductChange(TypedDict, total=False):
    """What somebody wants changed of a product; what is left out stays as it is when the row is locked."""

    category: str
    cost: Decimal | None


@transaction.atomic
def edit_product(*, product: Product, by: User | None, **change: Unpack[ProductChange]) -> Product:
    """Set category, cost or both; `cost` per piece in the shop's currency, None where unknown. Raises BadInput."""
    cost = change.get("cost")
    if cost is not None and not 0 <= cost < LARGEST_COST:
        raise BadInput(_("A cost is zero or more."), code="invalid_cost")
    locked = Product.objects.select_for_update().get(pk=product.pk)
    before = {"category": locked.category, "cost": str(locked.cost)}
    locked.category = change.get("category", locked.category).strip()[:120]
    locked.cost = change.get("cost", locked.cost)
    locked.save(update_fields=["category", "cost"])
    after = {"category": locked.category, "cost": str(locked.cost)}
    if before != after:
        audit(action="product.edit", actor=by, target=f"product:{locked.pk}", changes={"from": before, "to": after})
        transaction.on_commit(forget_figures)
    return locked


@transaction.atomic
def edit_item(*, item: CatalogueItem, name: str, category: str, by: User | None) -> CatalogueItem:
    """Name and category of a product that several shops sell. Raises BadInput where the name is empty."""
    if not name.strip():
        raise BadInput(_("Give it a name."), code="no_name")
    item.name, item.category = name.strip()[:300], category.strip()[:120]
    item.save(update_fields=["name", "category"])
    audit(action="item.edit", actor=by, target=f"item:{item.pk}", changes={"name": item.name})
    return item
