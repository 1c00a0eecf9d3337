"""One person, two rows: merging, taking apart, and handing a person's data over."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.access.api import may_see_personal_data
from crm_suite.access.models import ApiToken, User
from crm_suite.lib.rest import Door
from customers import merging, persons
from customers.models import Customer, CustomerMerge


def person_of(request: Request) -> User | None:
    """Who does it: the token's owner, or the person signed in."""
    return request.user if isinstance(request.user, User) else None


class MergeWish(serializers.Serializer[Any]):
    """Who is the same person, and becomes part of the customer of the address."""

    gone = serializers.IntegerField(min_value=1, help_text="Number of the customer that goes.")
    reason = serializers.CharField(max_length=200, allow_blank=True, default="")


class MergeSerializer(serializers.ModelSerializer[CustomerMerge]):
    """One merge. `undone_at` is null while it is in force."""

    class Meta:
        model = CustomerMerge
        fields = ["id", "kept", "gone", "reason", "merged_at", "undone_at"]


class PersonActions(viewsets.GenericViewSet[Customer]):
    """What CustomerDoor can do about a whole person."""

    @extend_schema(
        summary="Everything that is known of a person",
        description="Rows of every room by table, for handing over. Recorded. Needs a token with `pii:read` as well: "
        "people use the page, which asks for their password again.",
        responses=OpenApiResponse(OpenApiTypes.OBJECT, description="Table → rows, and the customer's own row."),
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def export(self, request: Request, pk: str) -> Response:
        if not isinstance(request.auth, ApiToken):
            raise PermissionDenied("People hand data over on the customer's page, which asks for the password again.")
        if not may_see_personal_data(request):
            raise PermissionDenied("This token lacks the scope pii:read.")
        return Response(persons.hand_over(customer=self.get_object(), by=person_of(request)))

    @extend_schema(
        summary="Make two customers one",
        description="Everything of `gone` moves to the customer of the address; the stricter consent wins. Undoable.",
        request=MergeWish, responses={201: MergeSerializer},
        examples=[OpenApiExample("The same person", value={"gone": 4711, "reason": "asked us to"}, request_only=True)],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, pk: str) -> Response:
        wish = MergeWish(data=request.data)
        wish.is_valid(raise_exception=True)
        kept, gone = self.get_object(), get_object_or_404(Customer, pk=wish.validated_data["gone"])
        merge = merging.merge_customers(
            kept=kept, gone=gone, by=person_of(request), reason=wish.validated_data["reason"]
        )
        return Response(MergeSerializer(merge).data, status=status.HTTP_201_CREATED)


class MergeDoor(Door, viewsets.GenericViewSet[CustomerMerge]):
    scope = "customers"
    session_permission = "customers.merge_customer"
    queryset: QuerySet[CustomerMerge] = CustomerMerge.objects.all()
    serializer_class = MergeSerializer
    lookup_value_regex = r"\d+"

    @extend_schema(
        summary="Take a merge back",
        description="Both customers are as they were, but for what came since. The latest merge of a customer first.",
        request=None, responses=MergeSerializer,
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        return Response(MergeSerializer(merging.unmerge(merge=self.get_object(), by=person_of(request))).data)
