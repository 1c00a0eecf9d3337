"""Permission by route, and the person's language and theme."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.http import urlencode

from crm_suite.access.rules import PUBLIC, SIGNED_IN, api_scope_of, is_self_guarded, permission_of

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class PermissionRequired:
    """Refuses by default. API views are guarded by DRF with scopes (access.api.HasScope)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: list[object], kwargs: dict[str, object]
    ) -> HttpResponseBase | None:
        if is_self_guarded(view) or api_scope_of(view) is not None:
            return None
        permission = permission_of(view)
        if permission == PUBLIC:
            return None
        if not request.user.is_authenticated:
            return redirect(f"{reverse('account_login')}?{urlencode({'next': request.get_full_path()})}")
        if permission == SIGNED_IN or (permission is not None and request.user.has_perm(permission)):
            return None
        raise PermissionDenied


class UserPreferences:
    """A signed-in person's language wins over the browser's."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language = getattr(request.user, "language", "")
        if language:
            translation.activate(language)
            request.LANGUAGE_CODE = language
        return self.get_response(request)
