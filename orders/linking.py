"""One product, several shops (商品通): which products may be one, and saying that they are, or are not."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, WrongState
from orders.models import CatalogueItem, DifferentProducts, Product
from orders.namesakes import SKU_AND_NAME, Likeness, Named, Pair, likenesses
from orders.sql import kept

COMPARED = 20_000  # newest products that are searched for likenesses
PROPOSED = 1_000
LOCK_SPACE = 1008  # of advisory locks: whoever links products takes turns


@dataclass(frozen=True)
class Suggestion:
    """Two products that may be one, and why."""

    first: Product
    second: Product
    reason: str
    score: float

    @property
    def sides(self) -> tuple[Product, Product]:
        return self.first, self.second


@dataclass(frozen=True)
class Suggestions:
    """One page of open suggestions. `certain`: pairs in all with the same SKU and the same name. `is_cut`: there are
    more products than are compared, the newest 20,000."""

    page: Page[Likeness]
    rows: list[Suggestion]
    certain: int
    is_cut: bool


def suggestions(*, is_demo: bool, page: str | int = 1) -> Suggestions:
    """Products of all shops, real ones or those of the demo, that may be one; the surest first, fifty a page."""
    open_pairs = open_likenesses(is_demo=is_demo)
    shown = Paginator(open_pairs, 50).get_page(page)
    products = Product.objects.select_related("shop", "item").in_bulk({one for pair in shown for one in pair.pair})
    rows = [
        Suggestion(products[one.first], products[one.second], one.reason, one.score)
        for one in shown
        if one.first in products and one.second in products
    ]
    certain = sum(one.reason == SKU_AND_NAME for one in open_pairs)
    return Suggestions(shown, rows, certain, Product.objects.filter(shop__is_demo=is_demo).count() > COMPARED)


def open_likenesses(*, is_demo: bool) -> list[Likeness]:
    """Up to 1,000 that nobody has decided yet. Found anew every ten minutes; decisions take effect at once."""
    found = kept("likenesses", is_demo, compute=lambda: _compare(is_demo=is_demo))
    linked = dict(Product.objects.filter(pk__in={id_ for one in found for id_ in one.pair}).values_list("pk", "item"))
    decided = _decided()
    return [
        one
        for one in found
        if one.pair not in decided and not (linked.get(one.first) and linked.get(one.first) == linked.get(one.second))
    ]


def _compare(*, is_demo: bool) -> list[Likeness]:
    newest = Product.objects.filter(shop__is_demo=is_demo).order_by("-pk")[:COMPARED]
    products = [Named(*row) for row in newest.values_list("pk", "shop_id", "sku", "name", "item_id")]
    return likenesses(products, settled=_decided())[:PROPOSED]


def _decided() -> set[Pair]:
    """Pairs that are different, with everything that either of them is linked to."""
    decided = DifferentProducts.objects.values_list("first_id", "first__item", "second_id", "second__item")
    rows = list(decided)
    items = {item for _first, one, _second, other in rows for item in (one, other) if item}
    members: dict[int, list[int]] = defaultdict(list)
    for item, pk in Product.objects.filter(item__in=items).values_list("item_id", "pk"):
        members[item or 0].append(pk)
    return {
        (min(a, b), max(a, b))
        for first, one, second, other in rows
        for a in members.get(one or 0, [first])
        for b in members.get(other or 0, [second])
    }


@transaction.atomic
def link(*, first: Product, second: Product, by: User | None) -> CatalogueItem:
    """Say that two products are one, with everything that either is linked to.

    Takes back an earlier "not the same" of these two, and one that was said of all that either is linked to, as by
    unlinking. Raises WrongState where only some that would become one were said to be different, BadInput for a product
    with itself or across the demo's border.
    """
    if first.pk == second.pk or first.shop.is_demo != second.shop.is_demo:
        raise BadInput(_("These two cannot be linked."), code="cannot_link")
    _take_turns()
    _take_back(first, second)
    groups = _Groups([(first.pk, second.pk)])
    if not groups.join(first.pk, second.pk):
        raise WrongState(
            _("Among the products that would become one are two that were said not to be the same."), code="different"
        )
    (item,) = groups.save()
    audit(action="product.link", actor=by, target=f"item:{item.pk}", changes={"products": [first.pk, second.pk]})
    return item


@transaction.atomic
def link_certain(*, is_demo: bool, by: User | None) -> int:
    """Link every suggested pair that has the same SKU and the same name. Returns how many products were linked."""
    pairs = [one.pair for one in open_likenesses(is_demo=is_demo) if one.reason == SKU_AND_NAME]
    groups = _Groups(pairs)
    for first, second in pairs:
        groups.join(first, second)
    items = groups.save()
    linked = Product.objects.filter(item__in=items).count()
    audit(action="product.link_certain", actor=by, target="products", changes={"pairs": len(pairs)})
    return linked


@transaction.atomic
def keep_apart(*, first: Product, second: Product, by: User | None) -> DifferentProducts:
    """Say that two products are not the same. Raises WrongState where they are linked: unlink one first."""
    _take_turns()
    items = set(Product.objects.filter(pk__in=[first.pk, second.pk]).values_list("item", flat=True))
    if first.pk == second.pk or (len(items) == 1 and None not in items):
        raise WrongState(_("These two are linked. Unlink one of them first."), code="linked")
    low, high = sorted((first.pk, second.pk))
    different, is_new = DifferentProducts.objects.get_or_create(first_id=low, second_id=high)
    if is_new:
        audit(action="product.keep_apart", actor=by, target=f"product:{low}", changes={"other": high})
    return different


@transaction.atomic
def unlink(*, product: Product, by: User | None) -> None:
    """Take a product out of what it is linked to, and never propose those links again.

    Of two linked products neither stays linked. Raises WrongState where there is nothing to unlink.
    """
    _take_turns()
    locked = Product.objects.get(pk=product.pk)
    if locked.item_id is None:
        raise WrongState(_("This product is not linked."), code="not_linked")
    item = CatalogueItem.objects.get(pk=locked.item_id)
    others = list(Product.objects.filter(item=item).exclude(pk=locked.pk).values_list("pk", flat=True))
    pairs = [sorted((locked.pk, other)) for other in others]
    apart = [DifferentProducts(first_id=low, second_id=high) for low, high in pairs]
    DifferentProducts.objects.bulk_create(apart, ignore_conflicts=True)
    Product.objects.filter(pk=locked.pk).update(item=None)
    if len(others) < 2:
        item.delete()
    audit(action="product.unlink", actor=by, target=f"product:{locked.pk}", changes={"others": others})


def _take_back(first: Product, second: Product) -> None:
    one, other = _linked_with(first), _linked_with(second)
    said = DifferentProducts.objects.filter(Q(first__in=one, second__in=other) | Q(first__in=other, second__in=one))
    if said.count() < len(one) * len(other):
        said = said.filter(first=min(first.pk, second.pk), second=max(first.pk, second.pk))
    said.delete()


def _linked_with(product: Product) -> list[int]:
    """The product itself and what it is linked to."""
    item = Product.objects.values_list("item", flat=True).get(pk=product.pk)
    whole = Product.objects.filter(item=item) if item else Product.objects.filter(pk=product.pk)
    return list(whole.values_list("pk", flat=True))


def _take_turns() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [LOCK_SPACE])


class _Groups:
    """Products that are being linked, with all that they are linked to already."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        _take_turns()
        named = {one for pair in pairs for one in pair}
        items = set(Product.objects.filter(pk__in=named, item__isnull=False).values_list("item", flat=True))
        self.products = Product.objects.filter(Q(pk__in=named) | Q(item__in=items)).in_bulk()
        by_item: dict[int, set[int]] = defaultdict(set)
        for product in self.products.values():
            by_item[product.item_id or -product.pk].add(product.pk)
        self.group = {pk: members for members in by_item.values() for pk in members}
        self.different = _decided()
        self.joined: list[int] = []

    def join(self, first: int, second: int) -> bool:
        """False, and nothing joined, where two members of the groups were said to be different."""
        one, other = self.group.get(first), self.group.get(second)
        if one is None or other is None:
            return False
        if any((min(a, b), max(a, b)) in self.different for a in one for b in other):
            return False
        whole = one | other
        for member in whole:
            self.group[member] = whole
        self.joined.append(first)
        return True

    def save(self) -> list[CatalogueItem]:
        """One item per group that was joined; the oldest where there are several."""
        wholes = {min(self.group[first]): self.group[first] for first in self.joined}
        return [self._save(sorted(whole)) for whole in wholes.values()]

    def _save(self, members: list[int]) -> CatalogueItem:
        products = [self.products[pk] for pk in members]
        known = sorted({product.item_id for product in products if product.item_id})
        item = CatalogueItem.objects.get(pk=known[0]) if known else self._new(products)
        Product.objects.filter(pk__in=members).update(item=item)
        CatalogueItem.objects.filter(pk__in=known[1:]).delete()
        return item

    def _new(self, products: list[Product]) -> CatalogueItem:
        name = next((product.name for product in products if product.name), products[0].sku)
        category = next((product.category for product in products if product.category), "")
        return CatalogueItem.objects.create(name=name, category=category)
