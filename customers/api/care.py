"""What a program may note about one customer: points, tags and what somebody wrote."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.access.api import may_see_personal_data
from crm_suite.access.models import ApiToken
from customers import ledger, notes, tagging
from customers.api.persons import person_of
from customers.models import Customer, CustomerNote, CustomerTag, Membership, PointsEntry, Tag

SHOWN = 200


class EntrySerializer(serializers.ModelSerializer[PointsEntry]):
    """One movement of points. `expires_on` is the last day on which they can be used."""

    class Meta:
        model = PointsEntry
        fields = ["id", "kind", "points", "occurred_at", "expires_on", "shop", "order_id", "reason", "booked_at"]


class PointsSerializer(serializers.Serializer[Any]):
    """Where a customer stands in the programme. `balance` is the sum of all entries, of which the newest are shown."""

    balance = serializers.IntegerField()
    tier = serializers.CharField(allow_blank=True)
    member_since = serializers.DateField(allow_null=True)
    loyalty_number = serializers.CharField(allow_blank=True)
    entries = EntrySerializer(many=True)


class PointsWish(serializers.Serializer[Any]):
    """Points to give, spend or correct. They are positive but in a correction, where a minus takes away."""

    kind = serializers.ChoiceField(choices=["earn", "redeem", "adjust"])
    points = serializers.IntegerField(min_value=-ledger.MOST_POINTS, max_value=ledger.MOST_POINTS)
    reason = serializers.CharField(max_length=200)
    key = serializers.CharField(
        max_length=80, default="", help_text="Your name for this movement: saying it again books it once."
    )
    expires_on = serializers.DateField(required=False, help_text="Only for points that are given.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "expires_on" in attrs and attrs["kind"] != "earn":
            raise serializers.ValidationError({"expires_on": "Only points that are given can run out."})
        return attrs


class TagSerializer(serializers.ModelSerializer[CustomerTag]):
    name = serializers.CharField(source="tag.name")

    class Meta:
        model = CustomerTag
        fields = ["name", "source", "added_at"]


class TagsWish(serializers.Serializer[Any]):
    """Words to put on and to take off, in one go or not at all."""

    add = serializers.ListField(child=serializers.CharField(max_length=60), default=list, max_length=100)
    remove = serializers.ListField(child=serializers.CharField(max_length=60), default=list, max_length=100)


class NoteSerializer(serializers.ModelSerializer[CustomerNote]):
    written_by = serializers.StringRelatedField[Any](help_text="Null where the author's account is gone.")
    text = serializers.CharField(max_length=notes.LONGEST)

    class Meta:
        model = CustomerNote
        fields = ["id", "text", "written_by", "written_at"]
        read_only_fields = ["written_by", "written_at"]


VERBS: Mapping[str, Callable[..., PointsEntry]] = {
    "earn": ledger.earn_points,
    "redeem": ledger.redeem_points,
    "adjust": ledger.adjust_points,
}


class CareActions(viewsets.GenericViewSet[Customer]):
    """What CustomerDoor can do about points, tags and notes."""

    @extend_schema(
        methods=["GET"], summary="Balance, tier and the newest 200 entries of points", responses=PointsSerializer
    )
    @extend_schema(
        methods=["POST"], summary="Give, spend or correct points",
        description="Spending more than the balance is refused with 409 and `/errors/too_few_points`.",
        request=PointsWish, responses={201: EntrySerializer},
        examples=[
            OpenApiExample(
                "A gift at the till", request_only=True,
                value={"kind": "redeem", "points": 200, "reason": "Cup", "key": "till-4-receipt-1881"},
            )
        ],
    )  # fmt: skip
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def points(self, request: Request, pk: str) -> Response:
        customer = self.get_object()
        if request.method == "GET":
            return Response(PointsSerializer(_standing(customer)).data)
        wish = PointsWish(data=request.data)
        wish.is_valid(raise_exception=True)
        given = dict(wish.validated_data)
        entry = VERBS[given.pop("kind")](customer=customer, by=person_of(request), **given)
        return Response(EntrySerializer(entry).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        methods=["GET"], operation_id="customers_tags_list", summary="Tags of a customer",
        responses=TagSerializer(many=True), filters=False,
    )  # fmt: skip
    @extend_schema(
        methods=["POST"], operation_id="customers_tags_create", summary="Put tags on a customer and take others off",
        description="Tags that a rule keeps cannot be taken off (409).",
        request=TagsWish, responses=TagSerializer(many=True),
        examples=[OpenApiExample("Two words", value={"add": ["VIP"], "remove": ["trial"]}, request_only=True)],
    )  # fmt: skip
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def tags(self, request: Request, pk: str) -> Response:
        customer = self.get_object()
        if request.method == "POST":
            wish = TagsWish(data=request.data)
            wish.is_valid(raise_exception=True)
            _retag(customer, request, **wish.validated_data)
        return Response(TagSerializer(tagging.tags_of(customer), many=True).data)

    @extend_schema(
        methods=["GET"], operation_id="customers_notes_list", summary="What the team wrote, newest first",
        description="The newest 200. Needs `pii:read` as well.", responses=NoteSerializer(many=True), filters=False,
    )  # fmt: skip
    @extend_schema(
        methods=["POST"], operation_id="customers_notes_create", summary="Write a note about a customer",
        request=NoteSerializer, responses={201: NoteSerializer},
    )  # fmt: skip
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def notes(self, request: Request, pk: str) -> Response:
        customer = self.get_object()
        if request.method == "GET":
            _check_may_read_notes(request)
            return Response(NoteSerializer(notes.notes_of(customer)[:SHOWN], many=True).data)
        wish = NoteSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        note = notes.write_note(customer=customer, by=person_of(request), **wish.validated_data)
        return Response(NoteSerializer(note).data, status=status.HTTP_201_CREATED)


def _check_may_read_notes(request: Request) -> None:
    """A token needs `pii:read`; a person what the customer's page demands too: the right to write notes."""
    if isinstance(request.auth, ApiToken) and not may_see_personal_data(request):
        raise PermissionDenied("This token lacks the scope pii:read.")
    if not isinstance(request.auth, ApiToken) and not request.user.has_perm("customers.tag_customer"):
        raise PermissionDenied


def _standing(customer: Customer) -> dict[str, object]:
    member = Membership.objects.select_related("tier").filter(pk=customer.pk).first()
    return {
        "balance": member.points if member else 0,
        "tier": member.tier.name if member and member.tier else "",
        "member_since": member.joined_on if member else None,
        "loyalty_number": member.number if member else "",
        "entries": customer.points_entries.all()[:SHOWN],
    }


@transaction.atomic
def _retag(customer: Customer, request: Request, *, add: list[str], remove: list[str]) -> None:
    for tag in Tag.objects.filter(name__in=[tagging.tag_name(name) for name in remove]):
        tagging.remove_tag(customer=customer, tag=tag, by=person_of(request))
    if add:
        tagging.add_tags(customer=customer, names=add, by=person_of(request))
