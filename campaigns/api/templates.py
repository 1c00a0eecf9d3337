"""/api/v1/templates: texts with merge fields, their versions, and what they look like filled in."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.models import Medium, Template, TemplateVersion
from campaigns.texts.content import save_template
from campaigns.texts.previews import Preview, preview
from campaigns.texts.rendering import check_template
from crm_suite.access.api import may_see_personal_data
from crm_suite.access.models import User
from crm_suite.lib.errors import BadInput
from crm_suite.lib.paging import CursorPaging
from crm_suite.lib.rest import Door
from customers.models import CustomerFacts, Shop

SMS = {"name": "Spring, by SMS", "channel": "sms", "topic": "new", "body": "{{ name | default: 'Hello' }}, tea is in."}


class TemplateSerializer(serializers.ModelSerializer[Template]):
    """A text with merge fields. `version` counts its saved texts; campaigns keep the one that they sent."""

    class Meta:
        model = Template
        fields = [
            "id", "name", "channel", "format", "topic", "subject", "body", "version", "archived_at", "created_at",
            "updated_at",
        ]  # fmt: skip
        read_only_fields = ["id", "version", "archived_at", "created_at", "updated_at"]


class TemplateChangeSerializer(TemplateSerializer):
    """What is not given stays. `seen`: the version that the change was made from; another one answers 409."""

    seen = serializers.IntegerField(required=False, allow_null=True, default=None, write_only=True, min_value=1)

    class Meta(TemplateSerializer.Meta):
        fields = [*TemplateSerializer.Meta.fields, "seen"]


class VersionSerializer(serializers.ModelSerializer[TemplateVersion]):
    """A text as it was saved once."""

    class Meta:
        model = TemplateVersion
        fields = ["number", "format", "subject", "body", "saved_at"]
        read_only_fields = fields


class CopyRequestSerializer(serializers.Serializer[Any]):
    """A text, saved or not, and whom to fill it for; without `customer` somebody invented."""

    shop = serializers.SlugRelatedField(slug_field="code", queryset=Shop.objects.all())
    channel = serializers.ChoiceField(choices=Medium.choices)
    format = serializers.ChoiceField(choices=Template.Format.choices, required=False, default=Template.Format.TEXT)
    subject = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    body = serializers.CharField(max_length=100_000)
    customer = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)


class CopySerializer(serializers.Serializer[Any]):
    """One filled-in copy. Names are masked without `pii:read`."""

    subject = serializers.CharField()
    preheader = serializers.CharField(help_text="What mail readers show behind the subject.")
    text = serializers.CharField()
    html = serializers.CharField(help_text="Of an e-mail. Show it in a sandbox only.")
    length = serializers.IntegerField(help_text="Characters as an SMS counts them.")
    parts = serializers.IntegerField(help_text="Billed parts.")
    links = serializers.ListField(child=serializers.CharField())
    problem = serializers.CharField(help_text="Why this customer would get nothing; empty where they would.")
    problems = serializers.ListField(child=serializers.CharField(), help_text="What keeps the text from being saved.")


class VersionPaging(CursorPaging):
    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        return ("-number",)


@extend_schema_view(
    list=extend_schema(summary="Templates that are in use, the newest first"),
    retrieve=extend_schema(summary="One template"),
)
class TemplateDoor(Door, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Template]):
    scope = "campaigns"
    action_scopes = {"preview": "campaigns:read"}
    session_permission = "campaigns.view_template"
    queryset = Template.objects.filter(archived_at__isnull=True)
    serializer_class = TemplateSerializer
    filterset_fields = ["channel", "topic"]
    lookup_value_regex = r"\d+"

    @extend_schema(
        summary="Add a template", request=TemplateSerializer, responses={201: TemplateSerializer},
        description="A text that could not be sent answers 422 with the reasons.",
        examples=[OpenApiExample("SMS", value=SMS, request_only=True)],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        given = TemplateSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        saved = save_template(template=Template(**given.validated_data), by=_person(request))
        return Response(TemplateSerializer(saved).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a template", request=TemplateChangeSerializer, responses=TemplateSerializer,
        description="A changed text becomes a new version. What was launched keeps its own.",
        examples=[OpenApiExample("Another text", value={"body": "Tea is in.", "seen": 3}, request_only=True)],
    )  # fmt: skip
    def partial_update(self, request: Request, pk: str) -> Response:
        template = self.get_object()
        given = TemplateChangeSerializer(template, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        changes = dict(given.validated_data)
        seen = changes.pop("seen", None)
        for name, value in changes.items():
            setattr(template, name, value)
        return Response(TemplateSerializer(save_template(template=template, by=_person(request), seen=seen)).data)

    @extend_schema(
        summary="Every text that was saved, the newest first", filters=False,
        responses={200: OpenApiResponse(VersionSerializer(many=True))},
    )  # fmt: skip
    @action(detail=True, methods=["get"], pagination_class=VersionPaging)
    def versions(self, request: Request, pk: str) -> Response:
        page = self.paginate_queryset(self.get_object().versions.all())  # type: ignore[arg-type]
        return self.get_paginated_response(VersionSerializer(page, many=True).data)

    @extend_schema(
        summary="A text filled in for one customer; nothing is saved", request=CopyRequestSerializer,
        responses={200: CopySerializer}, filters=False,
        examples=[
            OpenApiExample("SMS", value={"shop": "my-shop", "channel": "sms", "body": SMS["body"]}, request_only=True)
        ],
    )  # fmt: skip
    @action(detail=False, methods=["post"], pagination_class=None)
    def preview(self, request: Request) -> Response:
        given = CopyRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = dict(given.validated_data)
        facts = _facts(wanted.pop("customer"), wanted["shop"])
        found = preview(facts=facts, clear=may_see_personal_data(request), **wanted)
        return Response({**CopySerializer(_Shown(found, _problems(wanted))).data})


class _Shown:
    """A preview with what is wrong with its text, as the serializer reads it."""

    def __init__(self, found: Preview, problems: list[str]) -> None:
        self._found, self.problems = found, problems

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found, name)


def _problems(wanted: dict[str, Any]) -> list[str]:
    names = ("channel", "subject", "format")
    return check_template(wanted["body"], **{name: wanted[name] for name in names})


def _facts(pk: int | None, shop: Shop) -> CustomerFacts | None:
    if pk is None:
        return None
    facts = CustomerFacts.objects.filter(book=shop.book, pk=pk).select_related("customer").first()
    if facts is None:
        raise BadInput("There is no such customer of this shop.", code="unknown_customer")
    return facts


def _person(request: Request) -> User | None:
    return request.user if isinstance(request.user, User) else None
