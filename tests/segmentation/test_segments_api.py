"""/api/v1/segments beside what tests/api says of it: bad rules, unknown books, reasons, history."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client

from segmentation import sizes
from segmentation.models import Segment, SegmentSize
from tests.builders import make_customer, make_facts, make_purchase, make_segment, make_shop, make_token

pytestmark = pytest.mark.django_db

LOST = {"field": "stage", "op": "in", "value": ["lost"]}
BOUGHT = {"orders": {"count": {"op": "gte", "value": 2}}}


@pytest.fixture
def api() -> Client:
    token = make_token("segments:read", "segments:write", "pii:read")
    return Client(headers={"authorization": f"Bearer {token}"})


@pytest.fixture
def store() -> None:
    """Ann bought twice and is lost; Bob never bought."""
    shop = make_shop("tmall")
    ann = make_customer("Ann")
    for day in ("2025-01-01", "2025-02-01"):
        make_purchase(ann, shop, day)
    make_facts(ann, stage="lost", orders=2)
    make_facts(make_customer("Bob"), stage="prospect")


def post(api: Client, path: str, body: object) -> tuple[int, dict[str, Any]]:
    response = api.post(f"/api/v1/segments{path}", body, content_type="application/json")
    return response.status_code, response.json()


@pytest.mark.usefixtures("store")
def test_a_preview_has_counts_words_and_reasons(api: Client) -> None:
    status, found = post(api, "/preview", {"rule": {"all": [LOST, BOUGHT]}, "book": "CNY"})
    assert status == 200
    assert (found["total"], found["everybody"]) == (1, 2)
    assert found["parts"] == {"": 1, "/all/0": 1, "/all/1": 1}
    assert found["words"] == "Lifecycle stage is one of Lost and paid orders at least 2 times"
    (row,) = found["sample"]
    assert (row["name"], row["why"]) == ("Ann", ["Lifecycle stage: Lost", "paid orders: 2"])


@pytest.mark.usefixtures("store")
def test_a_book_that_does_not_exist_is_refused(api: Client) -> None:
    for path, more in (("/preview", {}), ("", {"name": "Lost"})):
        status, problem = post(api, path, {"rule": LOST, "book": "USD", **more})
        assert status == 422
        assert "unknown_book" in str(problem)
    assert not Segment.objects.exists()


@pytest.mark.usefixtures("store")
def test_a_stored_rule_that_cannot_be_read_spoils_only_its_own_row(api: Client) -> None:
    broken = make_segment("Broken", rule={"field": "gone", "op": "in", "value": ["x"]})
    good = make_segment("Good", rule=LOST)
    rows = {row["id"]: row for row in api.get("/api/v1/segments").json()["results"]}
    assert (rows[good.pk]["problem"], rows[good.pk]["words"]) == (None, "Lifecycle stage is one of Lost")
    assert "no field of this name" in rows[broken.pk]["problem"]
    assert rows[broken.pk]["words"] == ""
    assert api.get(f"/api/v1/segments/{broken.pk}/members").status_code == 422


@pytest.mark.usefixtures("store")
def test_the_history_of_a_segment(api: Client) -> None:
    segment, other = make_segment("Lost", rule=LOST, book="CNY"), make_segment("Other", rule={})
    for day in (1, 2):
        with time_machine.travel(datetime(2026, 3, day, 3, tzinfo=UTC), tick=False):
            sizes.count_all()
    SegmentSize.objects.filter(segment=other).update(size=99)
    rows = api.get(f"/api/v1/segments/{segment.pk}/history?limit=1").json()
    assert [(row["on"], row["size"], row["entered"], row["left"]) for row in rows["results"]] == [
        ("2026-03-02", 1, 0, 0)
    ]
    following = api.get(rows["next"]).json()
    assert [(row["on"], row["size"], row["entered"]) for row in following["results"]] == [("2026-03-01", 1, None)]
    assert following["next"] is None
