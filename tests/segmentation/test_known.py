"""What a run reads of the facts is told apart exactly: nobody is written who is as they were."""

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.db import connection

from customers.books import books
from customers.models import Customer, CustomerFacts
from segmentation.analysis import known, parts, writing
from segmentation.analysis.people import LABEL
from segmentation.analysis.reading import PLATFORMS, CustomerRange
from segmentation.analysis.results import measures_of
from segmentation.analysis.run import refresh_book
from segmentation.models import AnalysisRun, LabelChange
from segmentation.services import refresh
from tests.builders import make_customer, make_purchase, make_shop

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 31)


@pytest.fixture
def ann() -> Customer:
    jd, own = make_shop("jd", platform="jd"), make_shop("own", platform="own")
    ann = make_customer("Ann")
    for shop, day in ((own, "2026-01-01"), (jd, "2026-01-11"), (jd, "2026-03-01")):
        make_purchase(ann, shop, day, "19.99")
    make_purchase(make_customer("Bob"), jd, "2026-03-30", "5")
    make_customer("Prospect")
    refresh(as_of=DAY)
    return ann


def to_write() -> set[int]:
    """Customers whom one more run of that day would write."""
    run = AnalysisRun.objects.filter(state="done").latest("id")
    measures = measures_of(run)
    assert measures is not None
    plan = parts.Plan.of(run)
    found = parts.look_at(plan, CustomerRange(0, 2**62))
    return set(parts.differing(plan, measures, found.people, found.labels)["customer"].tolist())


def test_who_is_as_they_were_is_not_written(ann: Customer) -> None:
    assert to_write() == set()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("book", "GBP"), ("orders", 4), ("purchase_days", 2), ("net_amount", Decimal("59.98")), ("refunds", 1),
        ("first_paid_on", "2026-01-02"), ("last_paid_on", None), ("median_gap", None), ("r_score", 0), ("f_score", 0),
        ("m_score", 0), ("group", ""), ("stage", ""), ("platforms", ["own", "jd"]), ("platforms", ["jd"]),
        ("platforms", []),
    ],
)  # fmt: skip
def test_each_column_that_differs_is_seen(ann: Customer, column: str, value: Any) -> None:
    CustomerFacts.objects.filter(pk=ann.pk).update(**{column: value})
    assert to_write() == {ann.pk}


def test_a_prospect_differs_too(ann: Customer) -> None:
    prospect = CustomerFacts.objects.get(stage="prospect")
    CustomerFacts.objects.filter(pk=prospect.pk).update(last_paid_on="2026-01-01")
    assert to_write() == {prospect.pk}


def test_whoever_has_no_facts_is_written(ann: Customer) -> None:
    CustomerFacts.objects.filter(pk=ann.pk).delete()
    assert to_write() == {ann.pk}


def test_no_two_combinations_of_platforms_are_taken_for_one() -> None:
    masks = np.arange(2 ** len(PLATFORMS), dtype=np.int32)
    assert len(np.unique(known._platform_hashes(masks))) == len(masks)


def test_no_two_labels_are_packed_alike() -> None:
    labels = np.zeros(6 * 6 * 6 * 9 * 6, LABEL)
    places = np.unravel_index(np.arange(len(labels)), (6, 6, 6, 9, 6))
    for name, values in zip(("r", "f", "m", "group", "stage"), places, strict=True):
        labels[name] = values
    assert len(np.unique(known.pack(labels))) == len(labels)


@pytest.mark.parametrize("changed", [[], ["orders"], ["stage"], None])
def test_what_somebody_else_wrote_since_is_looked_at_again(
    ann: Customer, changed: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are read long before they are written: history tells what was really replaced, and all ends well."""
    CustomerFacts.objects.filter(pk=ann.pk).update(stage="lost", orders=1)
    right = {"stage": "active", "orders": 3}
    whole = writing.apply

    def meanwhile(**rest: Any) -> int:
        rows = CustomerFacts.objects.filter(pk=ann.pk)
        if changed is None:
            rows.delete()
        else:
            rows.update(**{name: right[name] for name in changed})
        return whole(**rest)

    monkeypatch.setattr(writing, "apply", meanwhile)
    run = refresh_book(book=books()[0], as_of=DAY)
    found = CustomerFacts.objects.filter(pk=ann.pk).values(*right)
    written = LabelChange.objects.filter(run=run).values_list("customer", "old", "new")
    if changed is None:
        # Gone since, as with a merge: whoever did it has touched them, and the next run looks again.
        assert not found and not written
    else:
        assert list(found) == [right]
        assert list(written) == ([] if "stage" in changed else [(ann.pk, "lost", "active")])


def test_whoever_was_given_a_row_since_gets_the_figures_all_the_same(
    ann: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    CustomerFacts.objects.filter(pk=ann.pk).delete()
    whole = writing.apply

    def meanwhile(**rest: Any) -> int:
        CustomerFacts.objects.create(customer=ann, email_ok=True)
        return whole(**rest)

    monkeypatch.setattr(writing, "apply", meanwhile)
    run = refresh_book(book=books()[0], as_of=DAY)
    found = CustomerFacts.objects.get(pk=ann.pk)
    assert (found.orders, found.stage, found.email_ok, run.counts["changed"]) == (3, "active", True, 1)
    assert [one.old for one in LabelChange.objects.filter(run=run, kind="stage")] == [""]


def test_whoever_is_merged_meanwhile_gets_no_row(ann: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = Customer.objects.get(name="Bob")
    CustomerFacts.objects.filter(pk=bob.pk).delete()
    whole = writing.apply

    def meanwhile(**rest: Any) -> int:
        Customer.objects.filter(pk=bob.pk).update(merged_into=ann)
        return whole(**rest)

    monkeypatch.setattr(writing, "apply", meanwhile)
    run = refresh_book(book=books()[0], as_of=DAY)
    assert not CustomerFacts.objects.filter(pk=bob.pk).exists()
    assert not LabelChange.objects.filter(run=run).exists()


def test_nothing_of_a_run_is_left_on_the_shelf(ann: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ANALYSIS_RANGE", 1)
    make_purchase(ann, make_shop("tmall", platform="tmall"), "2026-03-02")
    run = refresh_book(book=books()[0], as_of=DAY)
    assert run.counts["changed"] >= 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname ~ '^analysis_[0-9]'")
        assert cursor.fetchall() == []
