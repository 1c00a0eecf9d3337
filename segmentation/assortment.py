"""Which products of a book are compared, how they are told apart, and what they are called."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np

from customers.books import Book
from orders.models import CatalogueItem, Product
from orders.sql import COUNTS, rows
from segmentation.waits import Ints

#: Products with most buyers that are compared with each other, and categories with most products.
COMPARED, CATEGORIES = 500, 200

# Below zero an item, else a product of one shop: as `_kind` has it.
_MOST_BOUGHT = f"""
    SELECT kind FROM (
      SELECT DISTINCT o.customer_id, coalesce(-p.item_id, p.id) AS kind
      FROM orders_order o JOIN orders_orderline l ON l.order_id = o.id JOIN orders_product p ON p.id = l.product_id
      WHERE o.shop_id = ANY(%(shops)s) AND o.paid_on BETWEEN %(first)s AND %(last)s AND o.customer_id IS NOT NULL
        AND {COUNTS}
    ) bought GROUP BY kind ORDER BY count(*) DESC, kind LIMIT {COMPARED}
"""  # noqa: S608  our own condition


@dataclass(frozen=True)
class Assortment:
    """`numbers` of the book's products, ascending, are of `kinds`, ascending too; a kind has a place or −1.

    The last kind is that of products which are none of the book's.
    """

    numbers: Ints
    kinds: Ints
    place_of: Ints
    category_of: Ints
    products: tuple[str, ...]
    categories: tuple[str, ...]

    def kind_of(self, product_numbers: Ints) -> Ints:
        strange = len(self.place_of) - 1
        if not len(self.numbers):
            return np.full(len(product_numbers), strange)
        at = np.minimum(np.searchsorted(self.numbers, product_numbers), len(self.numbers) - 1)
        return np.where(self.numbers[at] == product_numbers, self.kinds[at], strange)


def assortment(book: Book, first: date, last: date) -> Assortment:
    """Linked products are one kind, in the category of what they are linked to, else in their own."""
    listed = Product.objects.filter(shop__in=book.shop_ids).order_by("pk")
    found = list(listed.values_list("pk", "item", "category", "item__category"))
    keys = [_kind(pk, item) for pk, item, _own, _joint in found]
    kinds = sorted(set(keys))
    place = {kind: number for number, kind in enumerate(kinds)}
    chosen = _chosen(kinds, book, first, last)
    category = {key: joint or own for key, (_pk, _item, own, joint) in zip(keys, found, strict=True) if joint or own}
    names = {name: at for at, (name, _n) in enumerate(Counter(category.values()).most_common(CATEGORIES))}
    return Assortment(
        numbers=np.array([row[0] for row in found], np.int64),
        kinds=np.array([place[key] for key in keys], np.int64),
        place_of=_places(kinds, {kind: at for at, kind in enumerate(chosen)}),
        category_of=_places(kinds, {kind: names[name] for kind, name in category.items() if name in names}),
        products=tuple(_reference(kind) for kind in chosen),
        categories=tuple(names),
    )


def _kind(pk: int, item: int | None) -> int:
    return -item if item else pk


def _reference(kind: int) -> str:
    return f"item:{-kind}" if kind < 0 else f"product:{kind}"


def reference_of(product: Product) -> str:
    """As the book's figures name it."""
    return _reference(_kind(product.pk, product.item_id))


def _chosen(kinds: list[int], book: Book, first: date, last: date) -> list[int]:
    if len(kinds) <= COMPARED:
        return kinds
    values = {"shops": list(book.shop_ids), "first": first, "last": last}
    return [int(kind) for (kind,) in rows(_MOST_BOUGHT, values)]


def _places(kinds: list[int], places: dict[int, int]) -> Ints:
    return np.array([*(places.get(kind, -1) for kind in kinds), -1], np.int64)


@dataclass(frozen=True)
class Named:
    """A product as pages show it. `product_id`: one of the book's products that it is; None where none is left."""

    reference: str
    name: str
    category: str
    product_id: int | None


def named(references: Iterable[str], book: Book) -> dict[str, Named]:
    """By reference. What was deleted or unlinked since is still there, under its reference."""
    wanted = list(dict.fromkeys(references))
    numbers = {kind: [int(one[len(kind) + 1 :]) for one in wanted if one.startswith(kind)] for kind in _KINDS}
    found = {one: Named(one, one, "", None) for one in wanted}
    for product in Product.objects.filter(pk__in=numbers["product"]).order_by():
        reference = f"product:{product.pk}"
        found[reference] = Named(reference, str(product), product.category, product.pk)
    shown = Product.objects.filter(item__in=numbers["item"], shop__in=book.shop_ids).order_by("-pk")
    product_of = dict(shown.values_list("item", "pk"))
    for item in CatalogueItem.objects.filter(pk__in=numbers["item"]).order_by():
        reference = f"item:{item.pk}"
        found[reference] = Named(reference, item.name, item.category, product_of.get(item.pk))
    return found


_KINDS = ("product", "item")
