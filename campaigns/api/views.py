"""/api/v1/campaigns: drafts, the verbs of sending, and reports."""

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import services
from campaigns.api.serializers import (
    CampaignSerializer,
    CampaignWriteSerializer,
    PauseSerializer,
    ReportSerializer,
    ScheduleSerializer,
)
from campaigns.filters import CampaignFilter
from campaigns.models import Campaign
from campaigns.reporting import report
from crm_suite.access.models import User
from crm_suite.lib.rest import Door

DRAFT = {
    "name": "Win back the lost", "shop": "my-shop", "channel": "email", "segment": 3, "template": 2,
    "holdout_percent": 10, "window_days": 7, "unplanned_reason": "Asked for by the shop manager",
}  # fmt: skip


def person_of(request: Request) -> User | None:
    return request.user if isinstance(request.user, User) else None


@extend_schema_view(
    list=extend_schema(summary="Campaigns, newest first"), retrieve=extend_schema(summary="One campaign")
)
class CampaignDoor(Door, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Campaign]):
    scope = "campaigns"
    action_scopes = dict.fromkeys(("schedule", "pause", "resume", "cancel"), "campaigns:send")
    session_permission = "campaigns.view_campaign"
    queryset = Campaign.objects.select_related("shop")
    serializer_class = CampaignSerializer
    filterset_class = CampaignFilter
    lookup_value_regex = r"\d+"

    def _answer(self, campaign: Campaign, code: int = status.HTTP_200_OK) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=campaign.pk)).data, status=code)

    @extend_schema(
        summary="Make a draft", request=CampaignWriteSerializer, responses={201: CampaignSerializer},
        description="Nothing is sent before `schedule`.",
        examples=[OpenApiExample("Not in the plan", value=DRAFT, request_only=True)],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        given = CampaignWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        campaign = services.create_campaign(by=person_of(request), **given.validated_data)
        return self._answer(campaign, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Freeze a draft and send it at a time", request=ScheduleSerializer, responses=CampaignSerializer,
        description="Needs `campaigns:send`. A second call answers 409, so that nothing is sent twice.",
        examples=[OpenApiExample("Tomorrow at ten", value={"at": "2026-11-12T10:00:00+08:00"}, request_only=True)],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def schedule(self, request: Request, pk: str) -> Response:
        given = ScheduleSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        campaign = services.launch_campaign(campaign=self.get_object(), by=person_of(request), **given.validated_data)
        return self._answer(campaign)

    @extend_schema(
        summary="Stop handing messages over", request=PauseSerializer, responses=CampaignSerializer,
        description="Needs `campaigns:send`. When this answers, no further message is handed over.",
        examples=[OpenApiExample("Wrong price", value={"reason": "The price in the text is wrong"}, request_only=True)],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        given = PauseSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return self._answer(
            services.pause_campaign(campaign=self.get_object(), by=person_of(request), **given.validated_data)
        )

    @extend_schema(summary="Go on after a pause", request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        return self._answer(services.resume_campaign(campaign=self.get_object(), by=person_of(request)))

    @extend_schema(summary="End it; what waits is not sent", request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        return self._answer(services.cancel_campaign(campaign=self.get_object(), by=person_of(request)))

    @extend_schema(summary="What it did, against those held out", responses=ReportSerializer, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def report(self, request: Request, pk: str) -> Response:
        return Response(ReportSerializer(report(campaign=self.get_object())).data)
