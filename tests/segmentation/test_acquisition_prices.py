"""What a new customer costs: the price models with published figures, and what falls to a period."""

from datetime import date
from decimal import Decimal

import pytest

from segmentation.acquisition.costs import Arrivals, Days, Spend, source_costs, total_cost
from segmentation.acquisition.curves import MonthSums, OrderSums, by_month, by_order, payback
from segmentation.acquisition.prices import PriceModel

MARCH = Days(date(2026, 3, 1), date(2026, 3, 31))
QUARTER = Days(date(2026, 1, 1), date(2026, 3, 31))


def test_a_fixed_price_is_shared_by_the_visitors_who_buy():
    stand = PriceModel("fixed", price=Decimal(140_000), quantity=100_000, conversion=Decimal("0.02"))
    assert (stand.per_customer(), stand.spent()) == (70, 140_000)


@pytest.mark.parametrize(("price", "cost"), [(1, 5), (40, 200)])
def test_a_price_per_thousand_views_is_divided_by_both_rates(price, cost):
    views = PriceModel(
        "cpm", price=Decimal(price), quantity=3_000_000, click_rate=Decimal("0.01"), conversion=Decimal("0.02")
    )
    assert (views.per_customer(), views.spent()) == (cost, 3_000 * price)


def test_a_price_per_click():
    clicks = PriceModel("cpc", price=Decimal("0.60"), quantity=5_000, conversion=Decimal("0.03"))
    assert (clicks.per_customer(), clicks.spent()) == (20, 3_000)


def test_a_commission_is_of_the_order():
    commission = PriceModel("commission", rate=Decimal("0.15"))
    assert (commission.per_customer(Decimal(150)), commission.spent()) == (Decimal("22.5"), None)
    assert commission.per_customer() is None


@pytest.mark.parametrize(
    ("model", "spent"),
    [
        (PriceModel("fixed", price=Decimal(100), quantity=50), 100),
        (PriceModel("fixed", price=Decimal(100), conversion=Decimal("0.1")), 100),
        (PriceModel("cpc", price=Decimal(2)), None),
        (PriceModel("cpm", price=Decimal(2), quantity=1_000, conversion=Decimal("0.1")), 2),
        (PriceModel("commission"), None),
    ],
)
def test_what_hangs_on_an_unknown_figure_is_not_told(model, spent):
    assert (model.per_customer(Decimal(150)), model.spent()) == (None, spent)


ARRIVED = [
    Arrivals("fair", date(2026, 3, 2), 3, Decimal(300)),
    Arrivals("fair", date(2026, 3, 31), 1, Decimal(100)),
    Arrivals("affiliate", date(2026, 3, 5), 2, Decimal(300)),
    Arrivals("friend", date(2026, 3, 5), 5, Decimal(50)),
]


def test_recorded_spend_is_divided_by_new_customers():
    spends = [
        Spend("fair", QUARTER, PriceModel("fixed", price=Decimal(900), quantity=100, conversion=Decimal("0.1"))),
        Spend("affiliate", MARCH, PriceModel("commission", rate=Decimal("0.1"))),
        Spend("fair", Days(date(2026, 4, 1), date(2026, 4, 30)), PriceModel("fixed", price=Decimal(5))),
    ]
    friend, fair, affiliate = source_costs(ARRIVED, spends, MARCH)
    assert (friend.source, friend.n, friend.spent, friend.per_customer, friend.cost) == ("friend", 5, None, None, None)
    # 31 of the quarter's 90 days, and nothing of April's.
    assert (fair.n, fair.spent, fair.per_customer) == (4, 310, Decimal("77.5"))
    assert (fair.promised_low, fair.promised_high, fair.cost) == (90, 90, Decimal("77.5"))
    assert (affiliate.n, affiliate.spent, affiliate.per_customer, affiliate.promised_high) == (2, 30, 15, 15)
    total = total_cost([friend, fair, affiliate])
    assert (total.n, total.spent, total.per_customer) == (6, 340, Decimal(340) / 6)


def test_a_commission_counts_the_orders_of_its_own_days():
    early = Days(date(2026, 2, 1), date(2026, 3, 10))
    (fair, *_others) = source_costs(
        ARRIVED[:2], [Spend("fair", early, PriceModel("commission", rate=Decimal("0.1")))], MARCH
    )
    assert (fair.spent, fair.n) == (30, 4)


def test_an_entry_without_a_bill_is_counted_apart_and_its_promise_stands_in():
    clicks = PriceModel("cpc", price=Decimal(1), conversion=Decimal("0.02"))
    dearer = PriceModel("cpc", price=Decimal(2), conversion=Decimal("0.02"))
    (row,) = source_costs([], [Spend("search", MARCH, clicks), Spend("search", MARCH, dearer)], MARCH)
    assert (row.n, row.spent, row.unknown, row.per_customer) == (0, None, 2, None)
    assert (row.promised_low, row.promised_high, row.cost) == (50, 100, 100)


def test_spend_that_brought_nobody_is_shown_without_a_cost():
    (row,) = source_costs([], [Spend("fair", MARCH, PriceModel("fixed", price=Decimal(10)))], MARCH)
    assert (row.n, row.spent, row.per_customer, row.cost) == (0, 10, None, None)


# --- curves -----------------------------------------------------------------------------------------------------------


def raised(number: int, n: int, total: int, squares: int) -> OrderSums:
    return OrderSums(number, n, Decimal(total), Decimal(squares))


def test_the_running_mean_keeps_those_who_stopped():
    """Purses (10, 10), (20) and (30, 0, 30): what three people have brought by their first, second and third order."""
    orders = [raised(2, 2, 10, 20**2 - 10**2), raised(1, 3, 60, 100 + 400 + 900), raised(3, 1, 30, 60**2 - 30**2)]
    points = by_order(orders, 3)
    assert [(point.at, point.n, point.reached, point.mean) for point in points] == [
        (1, 3, 3, 20), (2, 3, 2, Decimal(70) / 3), (3, 3, 1, Decimal(100) / 3),
    ]  # fmt: skip
    # 10, 20, 30: mean 20, standard deviation 10.
    assert points[0].high is not None and points[2].low is not None
    assert float(points[0].high - points[0].mean) == pytest.approx(1.96 * 10 / 3**0.5)
    # 20, 20, 60: deviation 40 / √3.
    assert float(points[2].mean - points[2].low) == pytest.approx(1.96 * (40 / 3**0.5) / 3**0.5)


def test_pay_back_is_where_the_mean_passes_the_cost():
    points = by_order([raised(1, 3, 60, 1_400), raised(2, 2, 60, 0)], 3)
    first = payback(points, Decimal(5))
    assert first and (first.at, first.is_sure) == (1, True)
    first = payback(points, Decimal(20))
    assert first and (first.at, first.is_sure) == (1, False)
    second = payback(points, Decimal(21))
    assert second and second.at == 2
    assert payback(points, Decimal(41)) is None


def test_months_count_those_who_have_been_customers_for_so_long():
    """Two for three months or more, two for one month only, whose second month is not over and does not count."""
    told = [(3, 0, 40, 800), (3, 2, 20, 0), (1, 0, 100, 5_000), (1, 1, 999, 0)]
    months = [MonthSums(seen, month, Decimal(total), Decimal(squares)) for seen, month, total, squares in told]
    points = by_month(months, {3: 2, 1: 2, 0: 7}, fewest=1)
    assert [(point.at, point.n, point.mean) for point in points] == [(1, 4, 35), (2, 2, 20), (3, 2, 30)]
    assert [point.at for point in by_month(months, {3: 2, 1: 2, 0: 7}, fewest=3)] == [1]
    assert by_month(months, {}) == []
