"""The machines' door: tokens and scopes for DRF. A person's session may read and try out what their role allows."""

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from knox import auth as knox
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from crm_suite.access.models import ApiToken

if TYPE_CHECKING:  # rest_framework.views imports this module for its default classes
    from rest_framework.views import APIView

SAFE = ("GET", "HEAD", "OPTIONS")


class TokenAuthentication(knox.TokenAuthentication):  # type: ignore[misc]
    """`Authorization: Bearer crm_…`; notes when the token was last used (to the minute, to spare writes)."""

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def validate_user(self, auth_token: ApiToken) -> Any:
        now = timezone.now()
        if auth_token.last_used_at is None or (now - auth_token.last_used_at).total_seconds() > 60:
            ApiToken.objects.filter(pk=auth_token.pk).update(last_used_at=now)
        return super().validate_user(auth_token)


def scope_needed(view: "APIView", method: str) -> str:
    """`orders:read` for GET, `orders:write` otherwise, unless the action names its own (`campaigns:send`)."""
    resource: str = getattr(view, "scope", "")
    action = getattr(view, "action", None)
    special: dict[str, str] = getattr(view, "action_scopes", {})
    if action in special:
        return special[action]
    return f"{resource}:{'read' if method in SAFE else 'write'}"


class HasScope(BasePermission):
    """Tokens by scope; signed-in people by the permission named in `view.session_permission` (reading only)."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        needed = scope_needed(view, request.method or "GET")
        if isinstance(request.auth, ApiToken):
            if needed in request.auth.scopes:
                return True
            raise PermissionDenied(f"This token lacks the scope {needed}.")
        permission = getattr(view, "session_permission", None)
        may_read = permission is None or request.user.has_perm(permission)
        return bool(may_read and (request.method in SAFE or request.user.is_superuser))


def may_see_personal_data(request: Request) -> bool:
    """Phone, e-mail and name in clear: the scope `pii:read`, or a person allowed to export them in clear."""
    if isinstance(request.auth, ApiToken):
        return "pii:read" in request.auth.scopes
    return bool(request.user and request.user.has_perm("customers.export_customer_clear"))
