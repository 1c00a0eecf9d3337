"""Who may open what."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from crm_suite.access.middleware import PermissionRequired
from crm_suite.access.models import AuditEvent, User
from crm_suite.access.rules import public, requires, signed_in
from crm_suite.access.services import audit, create_person, create_token

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture
def owner() -> User:
    return create_person(email="Lin@example.com", password=PASSWORD, roles=["owner"], first_name="Lin")


@pytest.fixture
def analyst() -> User:
    return create_person(email="ana@example.com", password=PASSWORD, roles=["analyst"])


@pytest.fixture
def agent() -> User:
    return create_person(email="wei@example.com", password=PASSWORD, roles=["agent"])


@requires("customers.list_customers")
def customer_list(request: object) -> HttpResponse:
    return HttpResponse("list")


@signed_in
def home(request: object) -> HttpResponse:
    return HttpResponse("home")


@public
def unsubscribe(request: object) -> HttpResponse:
    return HttpResponse("bye")


def undeclared(request: object) -> HttpResponse:
    return HttpResponse("nobody said who may see this")


def visit(view: object, user: object) -> object:
    request = RequestFactory().get("/somewhere/?page=2")
    request.user = user  # type: ignore[assignment]
    return PermissionRequired(lambda _request: HttpResponse()).process_view(request, view, [], {})  # type: ignore[arg-type]


def test_a_person_with_the_permission_passes(analyst: User) -> None:
    assert visit(customer_list, analyst) is None


def test_a_service_agent_does_not_see_lists(agent: User) -> None:
    with pytest.raises(PermissionDenied):
        visit(customer_list, agent)


def test_a_stranger_is_sent_to_sign_in_and_back() -> None:
    answer = visit(customer_list, AnonymousUser())
    assert isinstance(answer, HttpResponse)
    assert answer.status_code == 302
    assert answer["Location"].endswith("?next=%2Fsomewhere%2F%3Fpage%3D2")


def test_home_is_for_everybody_with_an_account(agent: User) -> None:
    assert visit(home, agent) is None


def test_unsubscribing_needs_no_account() -> None:
    assert visit(unsubscribe, AnonymousUser()) is None


def test_a_view_that_says_nothing_is_refused_even_to_an_analyst(analyst: User) -> None:
    with pytest.raises(PermissionDenied):
        visit(undeclared, analyst)


def test_addresses_are_one_account_whatever_their_case(owner: User) -> None:
    assert User.objects.get(email="lin@example.com") == owner


def test_a_token_is_stored_as_a_digest_only(owner: User) -> None:
    token, secret = create_token(user=owner, name="Shop connector", scopes=["orders:write", "orders:read"])
    assert secret.startswith("crm_")
    assert token.scopes == ["orders:read", "orders:write"]
    assert secret not in {token.digest, token.token_key}


def test_signing_in_and_failing_to_are_recorded(client: Client, analyst: User) -> None:
    login = reverse("account_login")
    client.post(login, {"login": analyst.email, "password": "a wrong guess"})
    client.post(login, {"login": analyst.email, "password": PASSWORD})
    failed, came_in = AuditEvent.objects.order_by("pk")
    assert (failed.action, failed.target, failed.actor) == ("access.sign_in_failed", "a***@example.com", None)
    assert (came_in.action, came_in.actor, came_in.address) == ("access.sign_in", analyst, "127.0.0.1")


def test_the_audit_record_names_the_person_after_the_account_is_gone(analyst: User) -> None:
    audit(action="customer.reveal", actor=analyst, target="customer 7")
    analyst.delete()
    event = AuditEvent.objects.get()
    assert (event.actor, event.actor_name, event.target) == (None, "ana@example.com", "customer 7")
