"""/api/v1/orders and /products."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.lib.errors import BadInput
from crm_suite.lib.rest import Door
from customers.models import Shop
from orders.api.batches import put_batch, told
from orders.api.filters import OrderDoorFilter
from orders.api.serializers import (
    OrderBatchSchema,
    OrderBatchSerializer,
    OrderCreateSerializer,
    OrderDetailSerializer,
    OrderResultsSerializer,
    OrderSerializer,
    ProductSerializer,
)
from orders.models import Order, Product
from orders.services import upsert_orders

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
    session_permission = "orders.view_order"
    queryset = Order.objects.select_related("shop")
    serializer_class = OrderSerializer
    filterset_class = OrderDoorFilter
    lookup_value_regex = r"\d+"

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


@extend_schema_view(list=extend_schema(summary="Products"), retrieve=extend_schema(summary="One product"))
class ProductDoor(Door, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Product]):
    scope = "orders"
    session_permission = "orders.view_product"
    queryset = Product.objects.select_related("shop")
    serializer_class = ProductSerializer
    filterset_fields = {"shop__code": ["exact"], "sku": ["exact"], "category": ["exact"]}
    lookup_value_regex = r"\d+"
