"""Who am I, the schema, and the page that shows it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.access.api import TokenAuthentication
from crm_suite.access.models import ApiToken
from crm_suite.access.rules import SIGNED_IN
from crm_suite.api import schema  # noqa: F401  (registers how tokens are described)
from crm_suite.lib.rest import Door


class MeSerializer(serializers.Serializer[Any]):
    """Whose token this is and what it may do. `token` and `expires_at` are null for a person's session."""

    person = serializers.CharField()
    token = serializers.CharField(allow_null=True, help_text="The token's name.")
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)


class MeDoor(Door):
    """Needs no scope: it tells which ones there are."""

    scope = "me"
    permission_classes = [IsAuthenticated]

    @extend_schema(summary="Who am I, and what may I do", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        token = request.auth if isinstance(request.auth, ApiToken) else None
        who = {
            "person": str(request.user), "token": token.name if token else None,
            "scopes": token.scopes if token else [], "expires_at": token.expiry if token else None,
        }  # fmt: skip
        return Response(MeSerializer(who).data)


class SchemaDoor(SpectacularAPIView):
    """OpenAPI 3 of this API, for anybody who may use it."""

    scope = "schema"
    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]
    schema = None


class DocsPage(SpectacularSwaggerSplitView):
    """The documentation page; it has no inline script, so the content security policy holds."""

    permission = SIGNED_IN
    permission_classes = [IsAuthenticated]
    authentication_classes = [SessionAuthentication]
    template_name = "api/docs.html"
    schema = None
