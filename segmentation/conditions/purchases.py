"""“Bought category X at least twice in 90 days”: orders by what is in them, where, and what became of them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, Subquery
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from customers.models import Platform, Shop
from orders.models import CatalogueItem, Order, OrderLine, Product
from segmentation.checks import Clock
from segmentation.conditions.base import Text
from segmentation.conditions.counting import Rows
from segmentation.conditions.rows import Asked, Part, RowCondition
from segmentation.conditions.sets import AnyOf

#: Categories that the editor offers; a rule may name any.
OFFERED = 200


def _categories() -> Mapping[str, Text]:
    own = Product.objects.exclude(category="").values_list("category", flat=True)
    joint = CatalogueItem.objects.exclude(category="").values_list("category", flat=True)
    found = own.order_by().union(joint.order_by()).order_by("category")[:OFFERED]
    return {name: name for name in found}


def _shops() -> Mapping[str, Text]:
    return dict(Shop.objects.order_by("name").values_list("code", "name"))


def products_named(words: tuple[str, ...]) -> QuerySet[Product]:
    """By SKU, or `product:12`, `item:7`: an item stands for all products that are linked to it."""
    numbers: dict[str, list[int]] = {"product": [], "item": []}
    for word in words:
        kind, _colon, number = word.partition(":")
        if kind in numbers and number.isascii() and number.isdecimal() and len(number) < 19:
            numbers[kind].append(int(number))
    named = Q(sku__in=words) | Q(pk__in=numbers["product"]) | Q(item__in=numbers["item"])
    return Product.objects.filter(named).order_by()


def _products(asked: Asked) -> QuerySet[Product] | None:
    """What has to be in the order; None where that is all the same."""
    found = None
    if "category" in asked.filter:
        names = asked.filter["category"]
        found = Product.objects.filter(Q(category__in=names) | Q(item__category__in=names)).order_by()
    if "product" in asked.filter:
        named = products_named(asked.filter["product"])
        found = named if found is None else named.filter(pk__in=found.values("pk"))
    return found


class _Orders(RowCondition):
    """Paid orders that count, unless the filter asks for unpaid ones or for a state."""

    key = "orders"
    label = _("Orders (has bought …)")
    rare = frozenset({"category", "product"})
    parts: ClassVar[Mapping[str, Part]] = {
        part.code: part
        for part in (
            Part("category", _("Category"), "list", _categories),
            Part(
                "product", _("Product"), "words",
                info=_("SKUs; or item:12 for a product that several shops sell, product:12 for one of a shop."),
            ),
            Part("platform", _("Platform"), "choices", lambda: dict(Platform.choices)),
            Part("shop", _("Shop"), "names", _shops),
            Part("state", _("State"), "choices", lambda: dict(Order.State.choices)),
            Part("paid", _("Paid"), "flag"),
            Part(
                "min_amount", _("Order of at least"), "money",
                info=_("Net amount, before payment the total; orders of the customer's own currency only."),
            ),
        )
    }  # fmt: skip

    def what(self, asked: Asked) -> str | Promise:
        if _is_unpaid(asked):
            return _("unpaid orders")
        return _("paid orders") if _is_paid(asked) else _("orders")

    def rows(self, asked: Asked, clock: Clock) -> Rows:
        rows = Order.objects.filter(self._day(asked, clock), self._where(asked)).order_by()
        products = _products(asked)
        if products is None:
            return rows
        lines = OrderLine.objects.filter(order=OuterRef("pk"), product__in=products.values("pk")).order_by()
        return rows.filter(Exists(lines))

    def all_rows(self, asked: Asked, clock: Clock) -> Rows:
        products = _products(asked)
        if products is None:
            return self.rows(asked, clock)
        lines = OrderLine.objects.filter(AnyOf("product_id", products.values("pk"))).order_by()
        if asked.within_days is not None:
            lines = lines.filter(order_id__gte=Subquery(_first(self._since(asked, clock))))
        rows = Order.objects.filter(self._day(asked, clock), self._where(asked)).order_by()
        return rows.filter(AnyOf("pk", lines.values("order_id")))

    def _day(self, asked: Asked, clock: Clock) -> Q:
        since = self._since(asked, clock)
        if _is_paid(asked):
            return since & Order.COUNTS
        return since & Q(paid_on__isnull=True) if _is_unpaid(asked) else since

    def _since(self, asked: Asked, clock: Clock) -> Q:
        """Paid orders by the shop's day of payment, others by when they were placed."""
        if asked.within_days is None:
            return Q()
        day = clock.back(asked.within_days)
        return Q(paid_on__gte=day) if _is_paid(asked) else Q(placed_at__gte=clock.start(day))

    def _where(self, asked: Asked) -> Q:
        given = asked.filter
        found = Q(customer__isnull=False)
        if "platform" in given:
            found &= Q(shop__platform__in=given["platform"])
        if "shop" in given:
            found &= Q(shop__code__in=given["shop"])
        if "state" in given:
            found &= Q(state__in=given["state"])
        if "min_amount" in given:
            # Amounts of another currency than the customer's are no amounts to compare with.
            amount = "total_amount__gte" if _is_unpaid(asked) else "net_amount__gte"
            found &= Q((amount, given["min_amount"]), customer__facts__book=F("shop__book"))
        return found


def _first(since: Q) -> QuerySet[Any, Any]:
    """The smallest number of the orders since a day: lines of older orders, mostly, need not be looked at.

    Plus nothing, or the planner would walk through all orders by number until one of these days comes by.
    """
    return Order.objects.filter(since).order_by().values(first=Func(F("pk") + 0, function="MIN"))


def _is_unpaid(asked: Asked) -> bool:
    return asked.filter.get("paid") is False


def _is_paid(asked: Asked) -> bool:
    return asked.filter.get("paid", "state" not in asked.filter) is True


ORDERS = _Orders()
