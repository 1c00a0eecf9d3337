"""The team page: who may come in, as what, and who may not be shut out."""

import re

import pytest
from django.test import Client

from crm_suite.access.models import ApiToken, AuditEvent, User
from crm_suite.access.services import create_token
from tests.builders import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return make_user("owner", email="lin@example.com")


@pytest.fixture
def office(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def secret_on(page: str) -> str:
    found = re.search(r'id="secret">([^<]+)<', page)
    assert found
    return found[1]


def test_an_invited_person_signs_in_with_the_password_shown_once(office: Client, client: Client) -> None:
    answer = office.post("/settings/team/new/", {"email": "Mei@example.com", "roles": ["agent"]})
    password = secret_on(answer.content.decode())
    mei = User.objects.get(email="mei@example.com")
    assert mei.check_password(password) and not mei.is_superuser
    assert [group.name for group in mei.groups.all()] == ["agent"]
    assert "no-store" in answer["Cache-Control"]
    assert password not in office.get("/settings/team/").content.decode()
    newcomer = Client()
    assert newcomer.post("/accounts/login/", {"login": "mei@example.com", "password": password}).status_code == 302
    assert newcomer.get("/").status_code == 200


def test_nobody_is_invited_twice(office: Client) -> None:
    answer = office.post("/settings/team/new/", {"email": "LIN@example.com", "roles": ["owner"]})
    assert "in the team already" in answer.content.decode()
    assert User.objects.count() == 1


def test_an_invitation_without_a_role_is_refused(office: Client) -> None:
    assert office.post("/settings/team/new/", {"email": "mei@example.com"}).status_code == 200
    assert not User.objects.filter(email="mei@example.com").exists()


def test_other_roles_change_what_a_person_may_do(office: Client) -> None:
    mei = make_user("agent")
    office.post(f"/settings/team/{mei.pk}/", {"roles": ["analyst", "owner"]})
    mei = User.objects.get(pk=mei.pk)
    assert sorted(mei.groups.values_list("name", flat=True)) == ["analyst", "owner"] and mei.is_superuser
    event = AuditEvent.objects.get(action="person.roles_changed")
    assert event.changes["roles"] == {"before": ["agent"], "after": ["analyst", "owner"]}


def test_the_last_owner_stays_owner(office: Client, owner: User) -> None:
    answer = office.post(f"/settings/team/{owner.pk}/", {"roles": ["analyst"]})
    assert "at least one owner" in answer.content.decode()
    owner.refresh_from_db()
    assert owner.is_superuser


def test_one_of_two_owners_may_step_back(office: Client, owner: User) -> None:
    make_user("owner")
    office.post(f"/settings/team/{owner.pk}/", {"roles": ["analyst"]})
    owner.refresh_from_db()
    assert not owner.is_superuser


def test_an_owner_who_is_locked_out_does_not_count(office: Client, owner: User) -> None:
    make_user("owner", is_active=False)
    office.post(f"/settings/team/{owner.pk}/", {"roles": ["analyst"]})
    owner.refresh_from_db()
    assert owner.is_superuser


def test_somebody_locked_out_is_out_at_the_next_click(office: Client) -> None:
    mei = make_user("analyst")
    theirs = Client()
    theirs.force_login(mei)
    assert theirs.get("/").status_code == 200
    office.post(f"/settings/team/{mei.pk}/access/", {"active": "0"})
    assert theirs.get("/").status_code == 302
    office.post(f"/settings/team/{mei.pk}/access/", {"active": "1"})
    mei.refresh_from_db()
    assert mei.is_active


def test_nobody_locks_themselves_out(office: Client, owner: User) -> None:
    make_user("owner")
    office.post(f"/settings/team/{owner.pk}/access/", {"active": "0"})
    owner.refresh_from_db()
    assert owner.is_active


def test_a_new_password_ends_the_sessions_of_the_old_one(office: Client) -> None:
    mei = make_user("analyst")
    theirs = Client()
    theirs.force_login(mei)
    password = secret_on(office.post(f"/settings/team/{mei.pk}/password/").content.decode())
    mei.refresh_from_db()
    assert mei.check_password(password)
    assert theirs.get("/").status_code == 302


def test_a_token_is_shown_once_and_only_its_digest_is_kept(office: Client) -> None:
    answer = office.post("/developers/tokens/new/", {"name": "Sync", "scopes": ["orders:write"], "days": "30"})
    secret = secret_on(answer.content.decode())
    token = ApiToken.objects.get()
    assert (token.name, token.scopes, secret.startswith("crm_")) == ("Sync", ["orders:write"], True)
    assert token.expiry is not None and secret not in token.digest
    assert secret not in office.get("/developers/tokens/").content.decode()
    assert AuditEvent.objects.get(action="token.created").changes == {"scopes": ["orders:write"], "days": 30}


def test_a_token_without_end_and_one_with_an_invented_scope(office: Client) -> None:
    office.post("/developers/tokens/new/", {"name": "For ever", "scopes": ["orders:read"], "days": ""})
    office.post("/developers/tokens/new/", {"name": "Too much", "scopes": ["everything:write"], "days": ""})
    assert [(token.name, token.expiry) for token in ApiToken.objects.all()] == [("For ever", None)]


def test_a_revoked_token_is_gone(office: Client, owner: User) -> None:
    kept, _secret = create_token(user=owner, name="kept", scopes=["orders:read"])
    token, _secret = create_token(user=owner, name="leaked", scopes=["orders:read"])
    office.post(f"/developers/tokens/{token.digest}/revoke/")
    assert list(ApiToken.objects.all()) == [kept]
    assert AuditEvent.objects.get(action="token.revoked").target == "leaked"


def test_the_record_is_filtered_by_action_and_person(office: Client, owner: User) -> None:
    office.post("/settings/team/new/", {"email": "mei@example.com", "roles": ["agent"]})
    office.post("/developers/tokens/new/", {"name": "Sync", "scopes": ["orders:read"], "days": ""})
    everything = office.get("/settings/activity/").content.decode()
    tokens = office.get("/settings/activity/?action=token.created").content.decode()
    assert "roles: agent" in everything
    assert "mei@example.com" in everything and "<td>Sync</td>" in everything
    assert "<td>mei@example.com</td>" not in tokens and "<td>Sync</td>" in tokens
    other = User.objects.get(email="mei@example.com")
    assert "Nothing on record" in office.get(f"/settings/activity/?actor={other.pk}").content.decode()
