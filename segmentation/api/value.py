"""/api/v1/clv: the value model of a book, and what it expects of each customer."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.lib.rest import Door
from customers.books import book_of, books, largest
from segmentation.api.runs import BOOK
from segmentation.api.segments import MemberPaging
from segmentation.clv import selectors
from segmentation.models import CustomerValue, ValueModel


class BandSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="P(alive) in per cent, `60-80`; `once`: bought on one day only.")
    customers = serializers.IntegerField(source="n")
    expected_orders = serializers.FloatField(source="orders", help_text="Purchase days within 365 days, together.")
    expected_net = serializers.DecimalField(source="net", max_digits=20, decimal_places=2)
    share = serializers.FloatField(help_text="Of the customers, 0–1.")
    net_share = serializers.FloatField(help_text="Of the expected net amount, 0–1.")


class ModelSerializer(serializers.Serializer[Any]):
    book = serializers.CharField()
    currency = serializers.CharField()
    as_of = serializers.DateField(help_text="The shop's local day that expectations begin after.")
    fitted_at = serializers.DateTimeField()
    why = serializers.CharField(
        allow_blank=True, help_text="Why nothing can be told: too_few, no_fit, no_money. Empty where it can."
    )
    customers = serializers.IntegerField()
    repeaters = serializers.IntegerField(help_text="Of these, who bought on a second day.")
    parameters = serializers.DictField(
        child=serializers.FloatField(), help_text="BG/NBD r, alpha, a, b in weeks; Gamma-Gamma p, q, v in `currency`."
    )
    intervals = serializers.DictField(help_text="95 % of each parameter; null where the data do not determine it.")
    log_likelihood = serializers.FloatField(allow_null=True, help_text="Of BG/NBD.")
    validation = serializers.DictField(
        help_text="Fitted up to `cut`, forecast beside what happened after it: in all, and means per customer by "
        "repeat purchases before it; `mae` is the mean error per customer. `why` where it cannot be told."
    )
    bands = BandSerializer(many=True)


class ExpectationSerializer(serializers.ModelSerializer[CustomerValue]):
    customer = serializers.IntegerField(source="customer_id", read_only=True)
    currency = serializers.SerializerMethodField()

    class Meta:
        model = CustomerValue
        fields = [
            "customer", "book", "currency", "p_alive", "expected_orders", "expected_net", "next_purchase_on",
        ]  # fmt: skip

    def get_currency(self, value: CustomerValue) -> str:
        return value.book[:3]


def model_asked_for(request: Request) -> ValueModel:
    """The model in force of `?book=`, or of the largest real book. 404 where none was fitted yet."""
    wish = request.query_params.get("book")
    book = largest(books()) if wish is None else book_of(wish)
    model = selectors.model_in_force(book.code) if book else None
    if model is None:
        raise Http404
    return model


class ValueDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="Customer value of a book: model, validation and bands", parameters=[BOOK], responses=ModelSerializer
    )
    def get(self, request: Request) -> Response:
        model = model_asked_for(request)
        counts = model.counts
        told = {
            "book": model.book, "currency": model.book[:3], "as_of": model.as_of, "fitted_at": model.created_at,
            "why": counts.get("why", ""), "customers": counts["customers"], "repeaters": counts["repeaters"],
            "parameters": model.parameters, "intervals": counts.get("intervals", {}),
            "log_likelihood": counts.get("log_likelihood"), "validation": model.validation,
            "bands": selectors.bands(model) if selectors.is_told(model) else [],
        }  # fmt: skip
        return Response(ModelSerializer(told).data)


@extend_schema_view(
    list=extend_schema(
        summary="What is expected of each customer in 365 days, by customer number", parameters=[BOOK], filters=False,
        responses={200: OpenApiResponse(ExpectationSerializer(many=True))},
    )
)  # fmt: skip
class ExpectationDoor(Door, mixins.ListModelMixin, viewsets.GenericViewSet[CustomerValue]):
    scope = "analytics"
    session_permission = "segmentation.view_insights"
    serializer_class = ExpectationSerializer
    pagination_class = MemberPaging
    queryset = CustomerValue.objects.none()

    def get_queryset(self) -> QuerySet[CustomerValue]:
        return selectors.people(model_asked_for(self.request).book).select_related(None)
