"""/api/v1/customers: the machines' door to people."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.lib.rest import Door
from customers.api.care import CareActions
from customers.api.filters import CustomerDoorFilter
from customers.api.persons import PersonActions, person_of
from customers.api.serializers import (
    ConsentSerializer,
    CustomerChange,
    CustomerDetailSerializer,
    CustomerSerializer,
)
from customers.api.upserts import put_customer
from customers.models import Customer, Shop
from customers.services import edit_customer, record_consent

EXAMPLE = OpenApiExample(
    "A new phone number", value={"name": "李雷", "phone": "138 0013 8000", "city": "杭州"}, request_only=True
)


@extend_schema_view(
    list=extend_schema(summary="Customers, newest first; with `updated_since` in the order of their last change"),
    retrieve=extend_schema(summary="One customer with the keys that they are known by"),
)
class CustomerDoor(Door, mixins.ListModelMixin, mixins.RetrieveModelMixin, PersonActions, CareActions):
    scope = "customers"
    session_permission = "customers.list_customers"
    queryset = Customer.objects.present().select_related("facts")
    serializer_class = CustomerSerializer
    filterset_class = CustomerDoorFilter
    lookup_value_regex = r"\d+"

    @property
    def cursor_ordering(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("updated_at", "id") if "updated_since" in self.request.query_params else ("-id",)

    def get_serializer_class(self) -> Any:
        return CustomerDetailSerializer if self.action == "retrieve" else CustomerSerializer

    def get_queryset(self) -> QuerySet[Customer]:
        found = super().get_queryset()
        return found.prefetch_related("identities") if self.action == "retrieve" else found

    @extend_schema(
        summary="Change what is known of a customer",
        request=CustomerChange,
        responses=CustomerSerializer,
        examples=[EXAMPLE],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        given = CustomerChange(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        customer = edit_customer(customer=self.get_object(), by=person_of(request), **given.validated_data)
        return Response(self.get_serializer(customer).data)

    @extend_schema(
        summary="Make or change the customer whom a shop knows by this key",
        description="`source` is the code of a shop, `external_id` the buyer's name or number there. Repeatable.",
        parameters=[OpenApiParameter("source", str, "path"), OpenApiParameter("external_id", str, "path")],
        request=CustomerChange,
        responses={200: CustomerSerializer, 201: OpenApiResponse(CustomerSerializer, description="The key is new.")},
        examples=[EXAMPLE],
    )
    @action(
        detail=False, methods=["put"], url_path=r"by-external-id/(?P<source>[\w-]+)/(?P<external_id>[^/\x00]{1,254})"
    )
    def by_external_id(self, request: Request, source: str, external_id: str) -> Response:
        shop = get_object_or_404(Shop, code=source)
        given = CustomerChange(data=request.data)
        given.is_valid(raise_exception=True)
        customer, is_new = put_customer(
            shop=shop, external_id=external_id, fields=given.validated_data, by=person_of(request)
        )
        shown = self.get_serializer(self.get_queryset().get(pk=customer.pk))
        return Response(shown.data, status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)

    @extend_schema(
        methods=["GET"], operation_id="customers_consents_list", summary="What the customer allowed, newest first",
        responses=ConsentSerializer(many=True), filters=False,
    )  # fmt: skip
    @extend_schema(
        methods=["POST"], operation_id="customers_consents_create", summary="Record what a customer said",
        description="Append-only: each call adds a word; the newest by `occurred_at` is in force.",
        request=ConsentSerializer, responses={201: ConsentSerializer},
        examples=[
            OpenApiExample(
                "Ticked at checkout", request_only=True,
                value={"channel": "sms", "granted": True, "source": "checkout", "wording": "I want news by SMS."},
            )
        ],
    )  # fmt: skip
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def consents(self, request: Request, pk: str) -> Response:
        customer = self.get_object()
        if request.method == "GET":
            return Response(ConsentSerializer(customer.consents.all()[:200], many=True).data)
        given = ConsentSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        consent = record_consent(customer=customer, by=person_of(request), **given.validated_data)
        return Response(ConsentSerializer(consent).data, status=status.HTTP_201_CREATED)
