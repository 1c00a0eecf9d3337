"""How a book is measured, and what its store does for each value group: kept, refused, recorded."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from crm_suite.access.models import AuditEvent, User
from crm_suite.jobs.models import Job
from crm_suite.lib.errors import BadInput
from customers.models import Shop
from segmentation import options, tuning
from segmentation.models import AnalysisOptions, GroupPolicy
from segmentation.options import Measuring
from segmentation.services import refresh
from tests.builders import make_customer, make_purchase, make_shop, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall")


@pytest.fixture
def boss() -> User:
    return make_user("owner")


def test_a_book_that_nobody_has_tuned_is_measured_by_the_defaults() -> None:
    found = options.measuring("CNY")
    assert found == Measuring()
    assert (found.window_days, found.frequency, found.monetary, found.threshold) == (None, "orders", "net", "mean")
    assert found.bounds is None


@pytest.mark.usefixtures("shop")
def test_what_is_saved_is_recorded_and_measured_anew(boss: User) -> None:
    job = tuning.save_options(book="CNY", by=boss, window_days=365, frequency="days", monetary="average")
    assert options.measuring("CNY") == Measuring(window_days=365, frequency="days", monetary="average")
    assert job == Job.objects.get()
    assert (job.kind, job.params["book"], job.created_by) == ("analysis", "CNY", boss)
    event = AuditEvent.objects.get(action="options.set")
    assert (event.actor, event.target) == (boss, "book:CNY")
    assert event.changes["frequency"] == ["orders", "days"]
    assert "threshold" not in event.changes


@pytest.mark.usefixtures("shop")
def test_saying_the_same_again_measures_nobody(boss: User) -> None:
    wish = {"threshold": "fixed", "r_threshold": 30, "f_threshold": 2, "m_threshold": Decimal("99.50")}
    tuning.save_options(book="CNY", by=boss, **wish)
    jobs = Job.objects.count()
    assert tuning.save_options(book="CNY", by=boss, **wish) is None
    assert tuning.save_options(book="CNY", by=boss, m_threshold="99.5") is None
    assert (Job.objects.count(), AuditEvent.objects.filter(action="options.set").count()) == (jobs, 1)


@pytest.mark.usefixtures("shop")
def test_one_option_leaves_the_others_as_they_are(boss: User) -> None:
    tuning.save_options(book="CNY", by=boss, p30=27, p60=138, p90=426)
    tuning.save_options(book="CNY", by=boss, compare="scores")
    assert options.measuring("CNY").bounds == (27, 138, 426)
    tuning.take_bounds_from_spells(book="CNY", by=boss)
    assert options.measuring("CNY") == Measuring(compare="scores")
    assert options.measuring("USD") == Measuring()


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"p30": 30, "p60": 30, "p90": 90}, "bounds_fall"), ({"p30": 30, "p60": 20, "p90": 90}, "bounds_fall"),
        ({"p30": 30}, "bounds_incomplete"), ({"p30": 0, "p60": 1, "p90": 2}, "bad_days"),
        ({"p30": 1, "p60": 2, "p90": 36_501}, "bad_days"), ({"p30": "soon", "p60": 2, "p90": 3}, "bad_option"),
        ({"window_days": 0}, "bad_days"), ({"window_days": -5}, "bad_option"), ({"window_days": 10**12}, "bad_option"),
        ({"frequency": "visits"}, "bad_option"), ({"frequency": None}, "bad_option"),
        ({"threshold": "fixed", "r_threshold": 30}, "thresholds_missing"),
        ({"m_threshold": "-1"}, "threshold_negative"), ({"m_threshold": "NaN"}, "bad_option"),
        ({"m_threshold": "1e30"}, "bad_option"), ({"min_spells": 1}, "min_spells"),
        ({"min_spells": None}, "bad_option"), ({"id": 7}, "unknown_option"), ({"changed_by": 1}, "unknown_option"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_nothing_is_kept(wish: dict[str, object], code: str, boss: User) -> None:
    with pytest.raises(BadInput) as refusal:
        tuning.save_options(book="CNY", by=boss, **wish)
    assert refusal.value.code == code
    assert not AnalysisOptions.objects.exists()
    assert not Job.objects.exists()


def test_a_book_without_a_shop_has_no_options(boss: User) -> None:
    for verb in (tuning.save_options, tuning.take_bounds_from_spells):
        with pytest.raises(BadInput, match="no store"):
            verb(book="XYZ", by=boss)
    with pytest.raises(BadInput, match="no store"):
        tuning.set_policy(book="XYZ", group="champions", by=boss, in_care=True, policy="")


@pytest.mark.parametrize("wrong", [{"p30": 3, "p60": 2, "p90": 1}, {"threshold": "fixed"}])
def test_the_database_refuses_it_too(wrong: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        AnalysisOptions.objects.create(book="CNY", **wrong)


def test_historic_data_stay_measured_as_of_the_day_that_was_chosen(shop: Shop, boss: User) -> None:
    make_purchase(make_customer("Ann"), shop, "2020-01-05")
    refresh(as_of=date(2020, 1, 6))
    job = tuning.save_options(book="CNY", by=boss, monetary="average")
    assert job is not None
    assert job.params["as_of"] == "2020-01-06"


def test_the_options_of_a_run_come_back_from_what_it_kept() -> None:
    told = Measuring(threshold="fixed", r_threshold=30, f_threshold=2, m_threshold=Decimal("99.50"), window_days=90)
    assert options.measured_with(told.as_dict()) == told
    assert options.measured_with({}) == Measuring()
    assert options.measured_with({"window_days": 7, "of old": 1}) == Measuring(window_days=7)


def test_the_options_in_words() -> None:
    assert options.in_words(Measuring(), "CNY") == [
        "Orders of all time", "R: days since the last paid order", "F: paid orders", "M: paid minus refunded",
        "High: better than the mean of the buyers",
    ]  # fmt: skip
    own = Measuring(
        window_days=90, frequency="days", monetary="average", threshold="fixed",
        r_threshold=30, f_threshold=2, m_threshold=Decimal(500),
    )  # fmt: skip
    assert options.in_words(own, "CNY") == [
        "Orders of the last 90 days", "R: days since the last paid order", "F: days with a purchase",
        "M: average order value", "High: less than 30 days, more than 2, more than CN¥500.00",
    ]  # fmt: skip
    assert options.in_words(Measuring(threshold="median"), "CNY")[-1] == "High: better than the median of the buyers"
    assert options.in_words(Measuring(compare="scores"), "CNY")[-1] == "High: a score above the mean score"


# --- policies ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("shop")
def test_a_policy_is_kept_and_recorded_once(boss: User) -> None:
    for _again in range(2):
        tuning.set_policy(book="CNY", group="loyal_small", by=boss, in_care=True, policy="  Sets of three  ")
    told = options.policies("CNY")
    assert (told["loyal_small"].in_care, told["loyal_small"].policy) == (True, "Sets of three")
    assert (told["champions"].in_care, told["champions"].policy) == (False, "")
    assert len(told) == 8
    assert not options.policies("USD")["loyal_small"].in_care
    event = AuditEvent.objects.get(action="group.policy")
    assert event.changes == {"in_care": [False, True], "policy": ["", "Sets of three"]}
    tuning.set_policy(book="CNY", group="loyal_small", by=None, in_care=False, policy="Sets of three")
    assert GroupPolicy.objects.get().in_care is False


@pytest.mark.usefixtures("shop")
def test_an_unknown_group_and_an_endless_text_are_refused(boss: User) -> None:
    with pytest.raises(BadInput, match="no value group"):
        tuning.set_policy(book="CNY", group="friends", by=boss, in_care=True, policy="")
    with pytest.raises(BadInput, match="2000"):
        tuning.set_policy(book="CNY", group="champions", by=boss, in_care=True, policy="x" * 2001)
    assert not GroupPolicy.objects.exists()
