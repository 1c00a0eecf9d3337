"""/api/v1/campaigns: drafts, the verbs of sending, the ledger, and reports."""

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import services
from campaigns.api.serializers import (
    CampaignSerializer,
    CampaignWriteSerializer,
    PauseSerializer,
    PreflightSerializer,
    RecipientSerializer,
    ReportSerializer,
    RestSerializer,
    ScheduleSerializer,
    SendBackSerializer,
    TestCopySerializer,
    TestReceiptSerializer,
)
from campaigns.filters import CampaignFilter, RecipientFilter
from campaigns.launch.approving import PERMISSION
from campaigns.launch.readiness import readiness
from campaigns.models import Campaign, Message
from campaigns.results.reporting import report
from crm_suite.access.models import User
from crm_suite.lib.errors import NotAllowed, WrongState
from crm_suite.lib.rest import Door

DRAFT = {
    "name": "Win back the lost", "shop": "my-shop", "channel": "email", "segment": 3, "template": 2,
    "holdout_percent": 10, "window_days": 7, "unplanned_reason": "Asked for by the shop manager",
}  # fmt: skip


def person_of(request: Request) -> User | None:
    return request.user if isinstance(request.user, User) else None


def approver_of(request: Request) -> User:
    """The person behind the token, who needs the right by their role: a scope is no second person."""
    person = person_of(request)
    if person is None or not person.has_perm(PERMISSION):
        raise NotAllowed(_("You may not approve campaigns."), code="not_allowed")
    return person


@extend_schema_view(
    list=extend_schema(summary="Campaigns, newest first"), retrieve=extend_schema(summary="One campaign")
)
class CampaignDoor(Door, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Campaign]):
    scope = "campaigns"
    action_scopes = dict.fromkeys(
        ("schedule", "approve", "send_back", "pause", "resume", "cancel", "test"), "campaigns:send"
    )
    session_permission = "campaigns.view_campaign"
    queryset = Campaign.objects.select_related("shop", "segment", "template")
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
        summary="What a launch would do now, and what stands in its way", responses=PreflightSerializer, filters=False
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def preflight(self, request: Request, pk: str) -> Response:
        campaign = self.get_object()
        return Response(PreflightSerializer(readiness(campaign, at=campaign.scheduled_at)).data)

    @extend_schema(
        summary="Send one test copy", request=TestCopySerializer, responses=TestReceiptSerializer,
        description="Needs `campaigns:send`. Filled for somebody invented; its links are inert, it counts nowhere.",
        examples=[OpenApiExample("To the owner", value={"address": "boss@shop.example"}, request_only=True)],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        given = TestCopySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        receipt = services.send_test(campaign=self.get_object(), by=person_of(request), **given.validated_data)
        return Response(TestReceiptSerializer(receipt).data)

    @extend_schema(
        summary="Freeze a draft and send it at a time", request=ScheduleSerializer, responses=CampaignSerializer,
        description=(
            "Needs `campaigns:send`. A second call answers 409, so that nothing is sent twice. Above a limit of the "
            "store it answers 409 `approval_needed`: the campaign waits, with its wished time, for a second person."
        ),
        examples=[OpenApiExample("Tomorrow at ten", value={"at": "2026-11-12T10:00:00+08:00"}, request_only=True)],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def schedule(self, request: Request, pk: str) -> Response:
        given = ScheduleSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        campaign = services.launch_campaign(campaign=self.get_object(), by=person_of(request), **given.validated_data)
        if campaign.state == Campaign.State.APPROVAL:
            raise WrongState(campaign.approval_reason, code="approval_needed")
        return self._answer(campaign)

    @extend_schema(
        summary="Approve what somebody else asked for", request=None, responses=CampaignSerializer,
        description="Needs `campaigns:send`, and a token of a person who may approve; 409 for whoever asked.",
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        return self._answer(services.approve_campaign(campaign=self.get_object(), by=approver_of(request)))

    @extend_schema(
        summary="Send back what waits for approval", request=SendBackSerializer, responses=CampaignSerializer,
        description="It is a draft again. Needs the same as approving.",
        examples=[OpenApiExample("Too many", value={"reason": "Leave out last month's buyers"}, request_only=True)],
    )  # fmt: skip
    @action(detail=True, methods=["post"], url_path="send-back")
    def send_back(self, request: Request, pk: str) -> Response:
        given = SendBackSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return self._answer(
            services.send_back_campaign(campaign=self.get_object(), by=approver_of(request), **given.validated_data)
        )

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

    @extend_schema(
        summary="The ledger: everybody of the audience and what became of their copy",
        responses=RecipientSerializer(many=True),
        parameters=[
            OpenApiParameter("q", str, description="Address, customer or number."),
            OpenApiParameter("state", str, enum=list(Message.State.values)),
            OpenApiParameter("reason", str),
            OpenApiParameter("arm", str, enum=list(Message.Arm.values)),
        ],
        filters=False,
    )
    @action(detail=True, methods=["get"])
    def recipients(self, request: Request, pk: str) -> Response:
        self.cursor_ordering = "customer_id"
        # Not get_object: the list of campaigns has filters of the same names.
        campaign = get_object_or_404(self.get_queryset(), pk=pk)
        found = RecipientFilter(request.GET, campaign.messages.all(), request=request)
        page = self.paginate_queryset(found.qs)
        return self.get_paginated_response(RecipientSerializer(page, many=True).data)

    @extend_schema(
        summary="A draft to those who definitely got nothing", request=RestSerializer,
        responses={201: CampaignSerializer},
        description="Of a finished or cancelled campaign. Who got it, may have got it, or was held out is never in it.",
        examples=[OpenApiExample("Failed and late", value={"classes": ["failed", "expired"]}, request_only=True)],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def rest(self, request: Request, pk: str) -> Response:
        given = RestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        classes = sorted(given.validated_data["classes"])
        rest = services.make_rest(campaign=self.get_object(), classes=classes, by=person_of(request))
        return self._answer(rest, status.HTTP_201_CREATED)
