"""Every URL says who may use it, and means it."""

import re
from types import ModuleType

import pytest
from django.contrib.auth.models import Permission
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from crm_suite.access.checks import every_route_has_a_permission, routes
from crm_suite.access.roles import PERMISSIONS
from crm_suite.access.rules import PUBLIC, SIGNED_IN, api_scope_of, is_self_guarded, permission_of
from crm_suite.access.scopes import RESOURCES
from crm_suite.access.services import create_person


def forgotten(request: HttpRequest) -> HttpResponse:
    return HttpResponse("everybody's")


def urlconf(view: object) -> ModuleType:
    module = ModuleType("planted_urls")
    module.urlpatterns = [path("forgotten/", view)]  # type: ignore[attr-defined,call-overload]
    return module


#: Without an account: health, the doors in our messages and what providers call.
PUBLIC_ROUTES = {
    "livez", "readyz", "language/", "t/<uuid:token>/<int:position>/", "u/<uuid:token>/",
    "u/<uuid:token>/choices/", "l/<str:code>", "g/<str:code>/", "hooks/<slug:code>/<str:secret>/",
}  # fmt: skip


def test_every_route_declares_its_permission() -> None:
    assert every_route_has_a_permission() == []


def test_a_planted_route_without_one_stops_the_start() -> None:
    with override_settings(ROOT_URLCONF=urlconf(forgotten)):
        errors = every_route_has_a_permission()
    assert [(error.id, error.msg) for error in errors] == [("access.E001", "/forgotten/ declares no permission.")]


def test_only_the_listed_routes_are_public() -> None:
    assert {route for route, view in routes() if permission_of(view) == PUBLIC} == PUBLIC_ROUTES


def test_api_views_name_a_known_resource() -> None:
    named = {scope for _route, view in routes() if (scope := api_scope_of(view)) is not None}
    assert named <= {*RESOURCES, "products", "analytics", "me", "schema"}


@pytest.mark.django_db
def test_every_demanded_permission_exists_and_some_role_has_it() -> None:
    demanded = {permission_of(view) for _route, view in routes()} - {None, PUBLIC, SIGNED_IN}
    existing = {f"{app}.{name}" for app, name in Permission.objects.values_list("content_type__app_label", "codename")}
    assert demanded <= existing
    assert demanded <= set().union(*PERMISSIONS.values())


def example_of(route: str) -> str:
    """A path of this route, with made-up arguments."""
    filled = re.sub(r"<uuid:\w+>", "00000000-0000-4000-8000-000000000000", route)
    filled = re.sub(r"<int:\w+>", "1", filled)
    return "/" + re.sub(r"<[^>]+>", "x", filled)


def pages() -> list[tuple[str, str]]:
    return [
        (example_of(route), permission)
        for route, view in routes()
        if not is_self_guarded(view) and (permission := permission_of(view)) and permission != PUBLIC
    ]


@pytest.mark.django_db
def test_strangers_are_sent_to_sign_in_by_every_page(client: Client) -> None:
    for url, _permission in pages():
        answer = client.get(url)
        assert (url, answer.status_code, "/accounts/login/" in answer["Location"]) == (url, 302, True)


@pytest.mark.django_db
@pytest.mark.parametrize("role", sorted(PERMISSIONS))
def test_a_role_is_refused_exactly_what_it_may_not_open(client: Client, role: str) -> None:
    """Superusers pass everywhere, so the owner's group is tried here without that flag."""
    person = create_person(email=f"{role}@example.com", password="correct horse battery", roles=[role])
    person.is_superuser = False
    person.save()
    client.force_login(person)
    client.raise_request_exception = False
    for url, permission in pages():
        allowed = permission == SIGNED_IN or permission in PERMISSIONS[role]
        refused = client.get(url).status_code == 403
        assert (url, refused) == (url, not allowed)
