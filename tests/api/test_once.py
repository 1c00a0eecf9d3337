"""A call that carries an Idempotency-Key is carried out once, however often it is sent."""

import threading
from datetime import timedelta

import pytest
from django.db import close_old_connections, connection, transaction
from django.test.client import Client
from rest_framework.test import APIClient

from crm_suite.access import retries
from crm_suite.access.models import ApiToken, RememberedAnswer
from customers.models import Consent
from customers.persons import erase_person
from segmentation import services
from segmentation.models import Segment
from tests.builders import make_customer, make_shop, make_token, make_user

pytestmark = pytest.mark.django_db

LOST = {"name": "Lost", "rule": {"field": "stage", "op": "in", "value": ["lost"]}, "book": "CNY"}
SEGMENTS = "/api/v1/segments"


@pytest.fixture
def shop(db):
    return make_shop("corner", book="CNY")


@pytest.fixture
def client(api, shop):
    return api("segments:write", "segments:read")


def sent(client, body, key="order-7"):
    return client.post(SEGMENTS, body, HTTP_IDEMPOTENCY_KEY=key)


def code(answer):
    return answer.json()["errors"][0]["code"]


def test_the_same_call_again_gets_the_first_answer_and_does_nothing(client):
    first, second = sent(client, LOST), sent(client, LOST)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json() and second["Content-Type"] == first["Content-Type"]
    assert "Idempotent-Replayed" not in first and second["Idempotent-Replayed"] == "true"
    assert Segment.objects.count() == 1


def test_another_key_and_no_key_are_other_calls(client):
    sent(client, LOST)
    assert sent(client, {**LOST, "name": "Lost too"}, key="order-8").status_code == 201
    assert client.post(SEGMENTS, {**LOST, "name": "Lost as well"}).status_code == 201
    assert Segment.objects.count() == 3


def test_a_key_that_belongs_to_another_call_is_refused(client):
    sent(client, LOST)
    other = sent(client, {**LOST, "name": "Others"})
    elsewhere = client.post(f"{SEGMENTS}/preview", LOST, HTTP_IDEMPOTENCY_KEY="order-7")
    assert (other.status_code, elsewhere.status_code) == (422, 422)
    assert code(other) == code(elsewhere) == "key_reused"
    assert other["Content-Type"] == "application/problem+json"
    assert Segment.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel"])
def test_a_key_that_is_none_is_refused(client, key):
    answer = sent(client, LOST, key=key)
    assert (answer.status_code, code(answer)) == (422, "bad_key")
    assert not Segment.objects.exists()


def test_a_refused_call_may_be_mended_and_sent_again(client):
    assert sent(client, {**LOST, "rule": {"field": "nonsense"}}).status_code == 422
    assert sent(client, LOST).status_code == 201
    assert Segment.objects.get().name == "Lost"


def test_the_key_of_somebody_else_is_not_mine(client, shop):
    sent(client, LOST)
    stranger = APIClient()
    stranger.credentials(
        HTTP_AUTHORIZATION=f"Bearer {make_token('segments:write', user=make_user('owner', email='b@shop.example'))}"
    )
    answer = sent(stranger, {**LOST, "name": "Mine"})
    assert (answer.status_code, answer.json()["name"]) == (201, "Mine")


def test_without_a_valid_token_nothing_is_remembered_or_shown(client, shop):
    sent(client, LOST)
    ApiToken.objects.all().update(expiry="2020-01-01T00:00Z")
    assert sent(client, LOST).status_code == 401
    assert sent(APIClient(), LOST).status_code == 401


def test_reading_takes_no_notice_of_a_key(client):
    for _again in range(2):
        answer = client.get(SEGMENTS, HTTP_IDEMPOTENCY_KEY="order-7")
        assert answer.status_code == 200 and "Idempotent-Replayed" not in answer
    assert not RememberedAnswer.objects.exists()


def test_after_a_day_the_key_is_forgotten(client):
    sent(client, LOST)
    RememberedAnswer.objects.update(at=RememberedAnswer.objects.get().at - timedelta(hours=25))
    again = sent(client, {**LOST, "name": "Lost once more"})
    assert again.status_code == 201 and Segment.objects.count() == 2
    assert retries.forget_answers() == 0
    RememberedAnswer.objects.update(at=RememberedAnswer.objects.get().at - timedelta(hours=25))
    assert retries.forget_answers() == 1


def test_what_failed_half_way_is_undone_and_can_be_sent_again(client, monkeypatch):
    save = services.save_segment

    def fails_after_saving(**fields):
        save(**fields)
        raise RuntimeError("the process died here")

    client.raise_request_exception = False
    monkeypatch.setattr(services, "save_segment", fails_after_saving)
    assert sent(client, LOST).status_code == 500
    assert not Segment.objects.exists() and not RememberedAnswer.objects.exists()
    monkeypatch.setattr(services, "save_segment", save)
    assert sent(client, LOST).status_code == 201


def test_what_is_too_large_is_refused_as_ever(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert sent(client, LOST).status_code == 413


def test_a_person_who_tries_the_api_out_is_not_hindered(shop):
    person = Client()
    person.force_login(make_user("owner"))
    answer = person.post(SEGMENTS, LOST, content_type="application/json", headers={"Idempotency-Key": "mine"})
    assert answer.status_code == 201
    assert not RememberedAnswer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_while_the_first_call_is_carried_out_the_second_is_told_to_wait(api):
    make_shop("corner", book="CNY")
    client = api("segments:write")
    token = ApiToken.objects.get()
    holds, done = threading.Event(), threading.Event()

    def first_call() -> None:
        with transaction.atomic():
            retries._claim(token, "order-7")
            holds.set()
            done.wait(20)
        connection.close()

    running = threading.Thread(target=first_call)
    running.start()
    try:
        assert holds.wait(20)
        answer = sent(client, LOST)
        assert (answer.status_code, code(answer)) == (409, "still_running")
        assert sent(client, LOST, key="order-8").status_code == 201
    finally:
        done.set()
        running.join()
    close_old_connections()
    assert sent(client, {**LOST, "name": "Lost too"}).status_code == 201


def test_answers_that_name_somebody_who_is_erased_forget_them(api, shop):
    client = api("customers:write", "pii:read")
    mei, lei = make_customer("Han Mei", email="mei@example.com"), make_customer("Li Lei", email="lei@example.com")
    word = {"channel": "email", "granted": True, "source": "checkout", "wording": "News for mei@example.com"}
    for who in (mei, lei):
        address = f"/api/v1/customers/{who.pk}/consents"
        told = {**word, "wording": f"News for {who.email}"}
        assert client.post(address, told, HTTP_IDEMPOTENCY_KEY=f"word-{who.pk}").status_code == 201
    erase_person(customer=mei, by=None)
    bodies = {kept.key: bytes(kept.body).decode() for kept in RememberedAnswer.objects.all()}
    assert bodies[f"word-{mei.pk}"] == "{}" and "lei@example.com" in bodies[f"word-{lei.pk}"]
    assert Consent.objects.filter(customer=lei, granted=True).count() == 1
