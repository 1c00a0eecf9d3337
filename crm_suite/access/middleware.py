"""Permission by route, the person's language and theme, and calls of the API that are done once."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.http import urlencode
from rest_framework.exceptions import APIException

from crm_suite.access import retries
from crm_suite.access.api import TokenAuthentication
from crm_suite.access.models import ApiToken
from crm_suite.access.rules import PUBLIC, SIGNED_IN, api_scope_of, is_self_guarded, permission_of
from crm_suite.lib.errors import DomainError
from crm_suite.lib.problems import problem_document

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


class OnceByKey:
    """A POST of the API with an `Idempotency-Key` (access.retries). Without a valid token the view says so itself."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        token = _token_of(request) if key is not None and api_scope_of(view) is not None else None
        if key is None or token is None:
            return None
        try:
            return retries.once(token=token, key=key, request=request, act=lambda: view(request, *args, **kwargs))
        except DomainError as error:
            return problem_document(error)
        except RequestDataTooBig:  # as the view will answer
            return None


def _token_of(request: HttpRequest) -> ApiToken | None:
    try:
        found = TokenAuthentication().authenticate(request)
    except APIException:
        return None
    return found[1] if found else None
