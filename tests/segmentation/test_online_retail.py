"""A real store's year, whose figures are published: what a refresh must find in it."""

from datetime import date

import pytest

from customers.models import CustomerFacts, Shop
from segmentation.services import refresh
from tests.segmentation import retail

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not retail.PATH.exists(), reason="../shared/data/online_retail.csv.gz is not there"),
]


def test_the_published_figures_of_online_retail() -> None:
    shop = Shop.objects.create(code="uk", name="UK", currency="GBP", timezone="Europe/London")
    retail.load_orders(shop)

    (run,) = refresh(book="GBP", as_of=date(2011, 12, 9))

    assert (run.counts["customers"], run.counts["orders"]) == (4338, 18532)
    assert abs(float(run.counts["net"]) - 8_911_407.90) < 1  # each order is rounded to the penny
    assert [run.bounds[name] for name in ("p30", "p60", "p90")] == [14, 37, 110]
    once = CustomerFacts.objects.filter(purchase_days=1).count()
    assert round(100 * once / 4338, 2) == 35.68
