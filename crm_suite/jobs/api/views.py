"""/api/v1/jobs: how far long work has come."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.jobs import services
from crm_suite.jobs.api.serializers import JobSerializer
from crm_suite.jobs.models import Job
from crm_suite.lib.rest import Door


@extend_schema_view(
    list=extend_schema(summary="Jobs, newest first"), retrieve=extend_schema(summary="How far one job has come")
)
class JobDoor(Door, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Job]):
    scope = "jobs"
    session_permission = "jobs.view_job"
    queryset = Job.objects.all()
    serializer_class = JobSerializer
    filterset_fields = ["kind", "state"]
    lookup_value_regex = r"\d+"

    @extend_schema(
        summary="Ask a job to stop", request=None, responses=JobSerializer,
        description="A waiting job stops at once, a running one at its next step. Repeating is harmless.",
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        job = self.get_object()
        services.request_cancel(job=job)
        job.refresh_from_db()
        return Response(self.get_serializer(job).data)
