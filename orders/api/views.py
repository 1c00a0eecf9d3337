"""/api/v1/orders, /products and /platforms/dependence."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.access.models import User
from crm_suite.lib.errors import BadInput
from crm_suite.lib.rest import Door
from customers.books import Book, books, largest
from customers.models import Shop
from orders import linking, platforms, sales
from orders.api.batches import put_batch, told
from orders.api.filters import OrderDoorFilter, ProductDoorFilter
from orders.api.serializers import (
    DependenceSerializer,
    OrderBatchSchema,
    OrderBatchSerializer,
    OrderCreateSerializer,
    OrderDetailSerializer,
    OrderResultsSerializer,
    OrderSerializer,
    ProductEditSerializer,
    ProductLinkSerializer,
    ProductSerializer,
)
from orders.catalogue import edit_product
from orders.models import Order, Product
from orders.reachability import reachability
from orders.services import upsert_orders

SHORTEST_DAYS, LONGEST_DAYS = 28, 1_095
ORDER = {
    "external_id": "2026111100017", "state": "paid", "placed_at": "2026-11-11T00:00:05+08:00",
    "paid_at": "2026-11-11T00:01:10+08:00", "source_updated_at": "2026-11-11T00:01:10+08:00",
    "buyer_id": "tea_friend_88", "buyer_name": "韩梅梅", "phone": "138 0013 8000", "city": "杭州",
    "lines": [{"sku": "TH0001", "name": "明前龙井", "quantity": 2, "unit_price": "98.00"}],
}  # fmt: skip


def shop_of(code: str) -> Shop:
    shop = Shop.objects.filter(code=code).first()
    if shop is None:
        raise serializers.ValidationError({"shop": [ErrorDetail("There is no such shop.", "unknown_shop")]})
    return shop


@extend_schema_view(
    list=extend_schema(summary="Orders, newest first; with `updated_since` in the order of their last change"),
    retrieve=extend_schema(summary="One order with its lines and refunds"),
)
class OrderDoor(Door, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Order]):
    scope = "orders"
    queryset = Order.objects.select_related("shop")
    serializer_class = OrderSerializer
    filterset_class = OrderDoorFilter
    lookup_value_regex = r"\d+"

    @property
    def session_permission(self) -> str:
        """Service agents look up one order; browsing all of them is for others."""
        return "orders.view_order" if self.action == "retrieve" else "orders.list_orders"

    @property
    def cursor_ordering(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("updated_at", "id") if "updated_since" in self.request.query_params else ("-placed_at", "-id")

    def get_serializer_class(self) -> Any:
        return OrderDetailSerializer if self.action == "retrieve" else OrderSerializer

    def get_queryset(self) -> QuerySet[Order]:
        found = super().get_queryset()
        return found.prefetch_related("lines", "refunds") if self.action == "retrieve" else found

    @extend_schema(
        summary="Create or update one order", request=OrderCreateSerializer,
        description="Known by shop and `external_id`, so repeating it changes nothing (200).",
        responses={200: OrderSerializer, 201: OpenApiResponse(OrderSerializer, description="The order is new.")},
        examples=[OpenApiExample("A paid order", value={"shop": "my-shop", **ORDER}, request_only=True)],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        given = OrderCreateSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        shop = shop_of(given.validated_data["shop"])
        (result,) = upsert_orders(shop=shop, orders=[told(given.validated_data)])
        if result.errors:
            raise BadInput(result.errors[0].message, code=result.errors[0].code)
        order = self.get_queryset().get(shop=shop, external_id=result.external_id)
        is_new = result.result == "created"
        return Response(
            self.get_serializer(order).data, status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        )

    @extend_schema(
        summary="Create or update up to 1,000 orders of a shop",
        description="One result per item. A wrong item is reported and does not reject the others. Repeatable.",
        request=OrderBatchSchema, responses={200: OrderResultsSerializer}, filters=False,
        examples=[OpenApiExample("One order", value={"shop": "my-shop", "items": [ORDER]}, request_only=True)],
    )  # fmt: skip
    @action(detail=False, methods=["post"], pagination_class=None)
    def bulk(self, request: Request) -> Response:
        given = OrderBatchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        shop = shop_of(given.validated_data["shop"])
        return Response({"results": put_batch(shop=shop, items=given.validated_data["items"])})


@extend_schema_view(
    list=extend_schema(summary="Products, newest first"),
    retrieve=extend_schema(summary="One product"),
)
class ProductDoor(Door, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Product]):
    scope = "orders"
    session_permission = "orders.view_product"
    queryset = Product.objects.select_related("shop")
    serializer_class = ProductSerializer
    filterset_class = ProductDoorFilter
    lookup_value_regex = r"\d+"

    @extend_schema(
        summary="Set category and cost", request=ProductEditSerializer, responses=ProductSerializer,
        examples=[OpenApiExample("A cost", value={"category": "茶叶", "cost": "41.20"}, request_only=True)],
    )  # fmt: skip
    def partial_update(self, request: Request, pk: str) -> Response:
        product: Product = self.get_object()
        given = ProductEditSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return self._answer(edit_product(product=product, by=self._by(), **given.validated_data))

    @extend_schema(
        summary="Say that two products of different shops are one", request=ProductLinkSerializer,
        responses=ProductSerializer, filters=False,
        description="Everything that either is linked to becomes one product too. Repeatable.",
    )  # fmt: skip
    @action(detail=True, methods=["post"], pagination_class=None)
    def link(self, request: Request, pk: str) -> Response:
        given = ProductLinkSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        other = Product.objects.select_related("shop").filter(pk=given.validated_data["product"]).first()
        if other is None:
            raise serializers.ValidationError({"product": [ErrorDetail("There is no such product.", "unknown")]})
        linking.link(first=self.get_object(), second=other, by=self._by())
        return self._answer(self.get_object())

    @extend_schema(
        summary="Take a product out of its link", request=None, responses=ProductSerializer, filters=False,
        description="The product stands for itself again, and the same links are not proposed again.",
    )  # fmt: skip
    @action(detail=True, methods=["post"], pagination_class=None)
    def unlink(self, request: Request, pk: str) -> Response:
        linking.unlink(product=self.get_object(), by=self._by())
        return self._answer(self.get_object())

    def _by(self) -> User | None:
        return self.request.user if isinstance(self.request.user, User) else None

    def _answer(self, product: Product) -> Response:
        return Response(self.get_serializer(product).data)


class DependenceDoor(Door):
    scope = "analytics"
    session_permission = "orders.view_sales"

    @extend_schema(
        summary="Dependence on one platform: shares, concentration, trend, and who would be reached without it",
        parameters=[
            OpenApiParameter("book", str, description="Which shops are measured together; the largest if not given."),
            OpenApiParameter("days", int, description="Length of the period, 28 to 1095; 365 if not given."),
        ],
        responses=DependenceSerializer,
    )
    def get(self, request: Request) -> Response:
        book = _book_asked_for(request)
        anchor = sales.anchor(book)
        if anchor is None:
            raise Http404
        found = platforms.dependence(book, anchor.day, days=_days_asked_for(request))
        answer = {**found.__dict__, "book": book.code, "currency": book.currency, "reach": reachability(book)}
        return Response(DependenceSerializer(answer).data)


def _book_asked_for(request: Request) -> Book:
    known = books()
    asked = request.query_params.get("book")
    found = next((book for book in known if book.code == asked), None) if asked is not None else largest(known)
    if found is None:
        raise Http404
    return found


def _days_asked_for(request: Request) -> int:
    asked = request.query_params.get("days", str(platforms.ACTIVE_DAYS))
    if not asked.isdecimal() or not SHORTEST_DAYS <= int(asked) <= LONGEST_DAYS:
        raise serializers.ValidationError({"days": [ErrorDetail("28 to 1095 days.", "invalid")]})
    return int(asked)
