"""/api/v1/platform-files: files that somebody uploads to a shop's platform. Read only: their content goes to people."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets

from campaigns.models import PlatformFile
from crm_suite.lib.rest import Door


class PlatformFileSerializer(serializers.ModelSerializer[PlatformFile]):
    """One file of a campaign. `rows` are messages; no buyer is named here."""

    shop = serializers.CharField(source="campaign.shop.code", read_only=True)

    class Meta:
        model = PlatformFile
        fields = [
            "id", "campaign", "shop", "number", "platform", "state", "rows", "made_at", "fetched_at", "uploaded_at",
            "answered_at",
        ]  # fmt: skip
        read_only_fields = fields
        extra_kwargs: dict[str, Any] = {
            "state": {"help_text": "Its messages are sent only once it is `uploaded`."},
        }


@extend_schema_view(
    list=extend_schema(summary="Files for platforms, the newest first"), retrieve=extend_schema(summary="One file")
)
class PlatformFileDoor(Door, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[PlatformFile]):
    scope = "campaigns"
    session_permission = "campaigns.view_campaign"
    queryset = PlatformFile.objects.select_related("campaign__shop")
    serializer_class = PlatformFileSerializer
    filterset_fields = ["campaign", "state", "platform"]
    lookup_value_regex = r"\d+"
