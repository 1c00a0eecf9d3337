"""The published figures of the CDNOW sample: Fader, Hardie & Lee 2005; Fader & Hardie 2013; Hardie's note 25."""

import numpy as np
import pytest

from segmentation.clv import bgnbd, gammagamma
from segmentation.clv.history import day_number, histories, repeated, summarise
from segmentation.clv.holdout import validate
from tests.segmentation import cdnow
from tests.segmentation.test_clv import histories_of

pytestmark = pytest.mark.skipif(not cdnow.PATH.exists(), reason="../shared/data/cdnow_sample.txt is not there")

CUT = day_number(cdnow.CUT)


@pytest.fixture(scope="module")
def people():
    return summarise(cdnow.purchases(cdnow.CUT), cut=CUT)


@pytest.fixture(scope="module")
def fit(people):
    return bgnbd.fit(histories(people, as_of=CUT)[0])


def test_the_sample_is_the_published_one(people) -> None:
    known, _place = histories(people, as_of=CUT)
    assert (known.customers, known.repeaters, int(known.n @ known.x)) == (2357, 946, 2457)


def test_the_published_fit_of_bg_nbd(fit) -> None:
    assert fit.converged
    assert [round(value, 3) for value in fit.parameters] == [0.243, 4.414, 0.793, 2.426]
    assert round(fit.log_likelihood, 2) == -9582.43


def test_the_published_expectation_of_one_customer(fit) -> None:
    parameters = bgnbd.Parameters(*fit.parameters)
    (expected,) = bgnbd.expected_purchases(parameters, histories_of((2, 30.43, 38.86)), 39)
    assert round(float(expected), 3) == 1.226


def test_the_published_fit_of_gamma_gamma(people) -> None:
    spent = repeated(people)
    assert len(spent.x) == 946
    found = gammagamma.fit(spent.x, spent.total)
    assert found.converged
    p, q, v = found.parameters
    assert (round(p, 2), round(q, 2)) == (6.25, 3.74)
    assert abs(v - 15.445) < 0.006  # 15.44 in the note, 15.45 elsewhere


def test_the_published_means_of_the_first_ten_customers(people) -> None:
    spent = repeated(people)
    parameters = gammagamma.Parameters(*gammagamma.fit(spent.x, spent.total).parameters)
    ten = people[:10]
    means = gammagamma.expected_mean(parameters, ten["days"] - 1.0, ten["again"] / 100)
    assert means.round(2).tolist() == [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]


def test_the_half_that_was_held_back_is_forecast() -> None:
    whole = summarise(cdnow.purchases(cdnow.END), cut=CUT)
    found = validate(whole, cut=CUT, as_of=day_number(cdnow.END))
    total = found["total"]
    assert total["actual"] == 1882  # as published
    assert -0.15 < total["expected"] / total["actual"] - 1 < 0  # the paper's curve ends below what happened, too
    assert found["mae"]["expected"] < found["mae"]["naive"]
    assert [bucket["x"] for bucket in found["buckets"]] == list(range(8))
    assert sum(bucket["n"] for bucket in found["buckets"]) == found["customers"] == 2357
    never = found["buckets"][0]
    assert never["naive"] == 0 < never["expected"]
    assert np.isclose(never["actual"], sum(whole["days"][whole["early_days"] == 1] - 1) / never["n"])
