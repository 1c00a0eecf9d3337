"""The calculators of customer value against the integrals that their formulas solve, on an invented small store."""

from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.integrate import quad
from scipy.stats import beta, chi2, gamma

from segmentation.analysis.summary import PURCHASE
from segmentation.clv import bgnbd, forecast, gammagamma
from segmentation.clv.history import Repeated, cut_day, histories, repeated, summarise
from segmentation.clv.holdout import validate
from segmentation.clv.model import fit as fit_book

USUAL = bgnbd.Parameters(r=0.6, alpha=8.0, a=0.8, b=2.5)
MONEY = gammagamma.Parameters(p=6.0, q=3.5, v=20.0)


def histories_of(*rows: tuple[float, float, float]) -> bgnbd.Histories:
    """One customer each, given as x, t_x and T in weeks."""
    x, t_x, age = np.array(rows, np.float64).T
    return bgnbd.Histories(x, t_x, age, np.ones(len(rows)))


def integral(function, *bounds: float) -> float:
    return float(sum(quad(function, low, high, limit=200)[0] for low, high in pairwise(bounds)))


def lies_in(value: float, interval: tuple[float, float] | None) -> bool:
    return interval is not None and interval[0] < value < interval[1]


CAST = [(0, 0, 0), (0, 0, 30), (1, 5, 30), (4, 29, 30), (12, 20, 90), (99, 30, 30)]


# --- likelihoods ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("history", CAST)
def test_the_likelihood_is_the_mean_over_all_rates_and_chances(history: tuple[float, float, float]) -> None:
    r, alpha, a, b = USUAL
    x, t_x, age = history
    rate, chance = gamma(r, scale=1 / alpha), beta(a, b)

    def rates(until: float) -> float:
        return integral(lambda often: often**x * np.exp(-often * until) * rate.pdf(often), 0, 0.001, 0.01, 0.1, 1, 5)

    still = integral(lambda p: (1 - p) ** x * chance.pdf(p), 0, 0.01, 0.5, 1) * rates(age)
    gone = integral(lambda p: p * (1 - p) ** (x - 1) * chance.pdf(p), 0, 0.01, 0.5, 1) * rates(t_x) if x else 0
    assert bgnbd.log_likelihood(USUAL, histories_of(history)) == pytest.approx(np.log(still + gone), abs=1e-5)


def test_the_likelihood_of_spending_is_the_mean_over_all_scales() -> None:
    p, q, v = MONEY
    x, total = np.array([1.0, 3.0]), np.array([25.0, 240.0])
    density = [
        integral(
            lambda s, n=n, z=z: gamma(p * n, scale=1 / (s * n)).pdf(z) * gamma(q, scale=1 / v).pdf(s), 0, 0.1, 1, 3
        )
        for n, z in zip(x, total / x, strict=True)
    ]
    known = gammagamma.Spending.of(x, total)
    assert gammagamma.log_likelihood(MONEY, known) == pytest.approx(np.log(density).sum(), abs=1e-6)


def test_histories_are_grouped_without_losing_anybody() -> None:
    known, place = bgnbd.grouped(np.array([2, 0, 2]), np.array([70, 0, 70]), np.array([140, 7, 140]))
    assert (known.x.tolist(), known.t_x.tolist(), known.T.tolist(), known.n.tolist()) == (
        [0, 2],
        [0, 10],
        [1, 20],
        [1, 2],
    )
    assert (place.tolist(), known.customers, known.repeaters) == ([1, 0, 1], 3, 2)
    twice = 2 * bgnbd.log_likelihood(USUAL, histories_of((2, 10, 20)))
    assert bgnbd.log_likelihood(USUAL, known) == pytest.approx(
        twice + bgnbd.log_likelihood(USUAL, histories_of((0, 0, 1)))
    )


@given(
    st.integers(0, 3000), st.floats(0, 1), st.floats(0.1, 600),
    st.tuples(*[st.floats(0.01, 50)] * 4).map(lambda values: bgnbd.Parameters(*values)),
)  # fmt: skip
def test_nothing_overflows(x: int, share: float, age: float, parameters: bgnbd.Parameters) -> None:
    known = histories_of((x, share * age if x else 0, age))
    value, slope = bgnbd.value_and_slope(parameters, known)
    assert np.isfinite([value, *slope]).all()
    (alive,) = bgnbd.p_alive(parameters, known)
    (expected,) = bgnbd.expected_purchases(parameters, known, 52)
    assert 0 <= alive <= 1
    # Nobody is expected to buy more than at the rate that the model takes them to have.
    assert 0 <= expected <= alive * (parameters.r + x) / (parameters.alpha + age) * 52 * (1 + 1e-6) + 1e-6


# --- expectations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [USUAL, USUAL._replace(a=1.0), USUAL._replace(a=0.3, b=0.7), (40, 300, 3, 60)])
@pytest.mark.parametrize("history", CAST)
def test_expected_purchases_are_the_mean_over_all_chances(parameters, history) -> None:
    """Whoever is alive leaves with chance p after each purchase; the mean of their purchases, integrated over p."""
    r, alpha, a, b = parameters
    x, t_x, age = history
    weeks = 52.0

    def given_chance(p: float) -> float:
        return float((1 - ((alpha + age) / (alpha + age + p * weeks)) ** (r + x)) / p * beta(a, b + x).pdf(p))

    known = histories_of(history)
    odds = a / (b + x - 1) * ((alpha + age) / (alpha + t_x)) ** (r + x) if x else 0
    (alive,) = bgnbd.p_alive(bgnbd.Parameters(*parameters), known)
    assert alive == pytest.approx(1 / (1 + odds))
    (expected,) = bgnbd.expected_purchases(bgnbd.Parameters(*parameters), known, weeks)
    assert expected == pytest.approx(alive * integral(given_chance, 0, 1e-4, 0.01, 0.1, 0.9, 1), rel=1e-4)


@given(st.integers(0, 40), st.floats(0.05, 200), st.floats(0.05, 20), st.floats(0.05, 20), st.floats(1, 200))
def test_both_ways_to_the_mean_agree(x: int, r: float, a: float, b: float, age: float) -> None:
    parameters = bgnbd.Parameters(r, 30.0, a, b)
    where = (np.array([float(x)]), np.array([age]), 52.0)
    assert bgnbd._by_quadrature(parameters, *where) == pytest.approx(bgnbd._by_function(parameters, *where), rel=1e-4)


def test_who_is_new_is_expected_to_buy_as_nobody_knows_anything_of_them() -> None:
    assert bgnbd.expected_of_new(USUAL, 52) == bgnbd.expected_purchases(USUAL, histories_of((0, 0, 0)), 52)[0]


def test_longer_silence_lowers_the_chance_and_more_so_for_frequent_buyers() -> None:
    rare, often = (bgnbd.p_alive(USUAL, histories_of((x, 30, 31), (x, 30, 60))) for x in (1, 10))
    assert rare[0] > rare[1]
    assert often[0] > often[1]
    assert often[1] < rare[1]
    assert bgnbd.p_alive(USUAL, histories_of((0, 0, 500))).tolist() == [1]


def test_half_of_such_customers_have_bought_by_the_day_that_is_told() -> None:
    known = histories_of((4, 29, 30), (0, 0, 10))
    weeks = bgnbd.weeks_until_half(USUAL, known)
    back = 1 - ((USUAL.alpha + known.T) / (USUAL.alpha + known.T + weeks)) ** (USUAL.r + known.x)
    assert (bgnbd.p_alive(USUAL, known) * back).tolist() == pytest.approx([0.5, 0.5])


def test_there_is_no_such_day_where_most_are_gone_or_it_is_ten_years_away() -> None:
    gone, seldom = (12, 20, 90), (0, 0, 500)
    assert bgnbd.p_alive(USUAL, histories_of(gone))[0] < 0.5
    assert np.isnan(bgnbd.weeks_until_half(USUAL, histories_of(gone, seldom))).all()


def test_what_is_known_of_a_customer_counts_the_more_the_more_it_is() -> None:
    everybody = gammagamma.mean_of_all(MONEY)
    assert everybody == 6 * 20 / 2.5
    nothing, once, often = gammagamma.expected_mean(MONEY, np.array([0.0, 1, 50]), np.array([0.0, 200, 50 * 200]))
    assert nothing == everybody
    assert everybody < once < often < 200
    assert gammagamma.mean_of_all(MONEY._replace(q=1.0)) is None


# --- fits -------------------------------------------------------------------------------------------------------------


def invented(n: int, seed: int = 1):
    """Purchases of `n` customers of two years who behave exactly as USUAL and MONEY say."""
    dice = np.random.default_rng(seed)
    rows = []
    for who in range(1, n + 1):
        rate, chance = dice.gamma(USUAL.r, 1 / USUAL.alpha) / 7, dice.beta(USUAL.a, USUAL.b)
        scale = dice.gamma(MONEY.q, 1 / MONEY.v)
        first = day = float(dice.integers(0, 365))
        while day <= 730:
            rows.append((who, int(np.ceil(day)), round(100 * dice.gamma(MONEY.p, 1 / scale)), 1))
            if day > first and dice.random() < chance:
                break
            day += dice.exponential(1 / rate)
    return np.array(rows, PURCHASE)


@pytest.fixture(scope="module")
def store():
    return summarise(invented(4000), cut=486)


def test_the_parameters_of_an_invented_store_are_found_again(store) -> None:
    known = histories(store, as_of=730)[0]
    found = bgnbd.fit(known)
    assert found.converged
    # Likelihood ratio: four parameters miss the truth by more in one of a thousand stores.
    assert 0 < 2 * (found.log_likelihood - bgnbd.log_likelihood(USUAL, known)) < chi2(4).ppf(0.999)
    assert all(map(lies_in, found.parameters, found.intervals))
    spent = repeated(store)
    money = gammagamma.fit(spent.x, spent.total)
    assert money.converged
    assert all(map(lies_in, MONEY, money.intervals))
    assert spent.correlation == pytest.approx(0, abs=0.1)


def test_the_fit_is_the_top_of_the_likelihood(store) -> None:
    known = histories(store, as_of=730)[0]
    found = bgnbd.fit(known)
    best = bgnbd.Parameters(*found.parameters)
    assert found.log_likelihood == pytest.approx(bgnbd.log_likelihood(best, known))
    for name in best._fields:
        for factor in (0.98, 1.02):
            other = best._replace(**{name: factor * getattr(best, name)})
            assert bgnbd.log_likelihood(other, known) < found.log_likelihood


def test_amounts_in_another_currency_change_v_alone(store) -> None:
    spent = repeated(store)
    pounds, yen = gammagamma.fit(spent.x, spent.total), gammagamma.fit(spent.x, 180 * spent.total)
    assert yen.parameters == pytest.approx((*pounds.parameters[:2], 180 * pounds.parameters[2]), rel=1e-3)


def test_the_held_back_part_of_an_invented_store_is_forecast(store) -> None:
    found = validate(store, cut=486, as_of=730)
    assert abs(found["total"]["expected"] / found["total"]["actual"] - 1) < 0.1
    assert found["mae"]["expected"] < found["mae"]["naive"]
    inside = [row["low"] <= row["expected"] <= row["high"] for row in found["buckets"]]
    assert sum(inside) >= len(inside) - 1


def test_too_few_who_came_back_are_no_trial(store) -> None:
    assert validate(store[:60], cut=486, as_of=730)["why"] == "too_few"
    assert validate(store, cut=730, as_of=730)["why"] == "too_few"


# --- a book -----------------------------------------------------------------------------------------------------------


def test_purchases_of_one_day_are_one_and_the_first_is_no_repeat() -> None:
    rows = np.array([(1, 10, 500, 1), (1, 10, 250, 2), (1, 24, 300, 1), (1, 80, 100, 1), (2, 40, 900, 1)], PURCHASE)
    people = summarise(rows, cut=30)
    assert people.tolist() == [(1, 3, 10, 80, 400, 2, 24), (2, 1, 40, 40, 0, 0, 40)]
    known, _place = histories(people, as_of=94)
    assert (known.x.tolist(), known.t_x.tolist(), known.T.tolist()) == ([0, 2], [0, 10], [54 / 7, 12])
    assert len(summarise(rows[:0], cut=30)) == 0


def test_two_thirds_of_the_time_come_before_the_cut() -> None:
    assert cut_day(date(2026, 1, 1), date(2026, 1, 31)) == date(2026, 1, 21)
    assert cut_day(date(2026, 1, 31), date(2026, 1, 31)) == date(2026, 1, 31)


def test_who_got_everything_back_says_nothing_of_spending() -> None:
    rows = np.array([(1, 10, 500, 1), (1, 20, 0, 1), (2, 10, 500, 1), (2, 20, 700, 1), (2, 30, 100, 1)], PURCHASE)
    spent = repeated(summarise(rows, cut=30))
    assert (spent.x.tolist(), spent.total.tolist(), spent.correlation) == ([2], [8], None)


def test_bands_add_up_to_everybody(store) -> None:
    known, place = histories(store, as_of=730)
    found = forecast.forecast(store, known, place, USUAL, MONEY)
    whole, rows = forecast.totals(found), forecast.bands(found)
    assert sum(row["n"] for row in rows) == whole["n"] == len(store)
    assert sum(row["orders"] for row in rows) == pytest.approx(whole["orders"])
    assert sum(float(row["net"]) for row in rows) == pytest.approx(float(whole["net"]))
    assert rows[0]["n"] == (store["days"] == 1).sum()
    assert sum(forecast.histogram(found)) == forecast.repeaters(found)["n"] == (store["days"] > 1).sum()
    assert 0 < forecast.leaving(found)["n"] < sum(row["n"] for row in rows[3:])


def test_a_book_with_few_repeaters_says_so_and_expects_nothing(store) -> None:
    outcome = fit_book(store[:60], as_of=730, cut=486)
    assert outcome.counts["why"] == outcome.validation["why"] == "too_few"
    assert 0 < outcome.counts["repeaters"] < outcome.counts["needed"] == 50
    assert len(outcome.values) == 0


def test_spending_without_a_mean_is_not_forecast() -> None:
    dice = np.random.default_rng(3)
    scales = dice.gamma(0.5, 1 / MONEY.v, 300)
    rows = [
        (who, who % 50 + gap, round(100 * dice.gamma(MONEY.p, 1 / scale)), 1)
        for who, scale in enumerate(scales)
        for gap in (0, 30 + who % 11, 90)
    ]
    outcome = fit_book(summarise(np.array(rows, PURCHASE), cut=150), as_of=300, cut=150)
    assert outcome.counts["why"] == "no_money"
    assert 0.3 < outcome.parameters["q"] < 0.7
    assert len(outcome.values) == 0


def test_no_correlation_without_spread() -> None:
    assert Repeated(np.array([1.0, 1, 1]), np.array([5.0, 6, 7])).correlation is None
    assert Repeated(np.array([1.0, 2, 3]), np.array([5.0, 20, 45])).correlation == pytest.approx(1)
