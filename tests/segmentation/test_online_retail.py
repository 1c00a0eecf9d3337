"""A real store's year, whose figures are published: what a refresh must find in it."""

from datetime import date
from math import ceil

import pandas as pd
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
    ours = CustomerFacts.objects.values_list("pk", "r_score", "f_score", "m_score", "group")
    assert {pk: tuple(labels) for pk, *labels in ours} == slowly_labelled(date(2011, 12, 9))


# --- the slow answer: pandas, of the file itself, by the words of the definitions ---------------------------------

#: By whether R, F and M are better than the mean.
GROUPS = {
    (True, True, True): "champions", (True, False, True): "promising", (False, True, True): "must_keep",
    (False, False, True): "at_risk", (True, True, False): "loyal_small", (True, False, False): "new_small",
    (False, True, False): "fading_small", (False, False, False): "lost_small",
}  # fmt: skip


def slowly_labelled(today: date) -> dict[int, tuple[int, int, int, str]]:
    """R, F, M score and value group of each customer."""
    orders = pd.DataFrame(retail.read_orders().to_dict(as_series=False))
    day = pd.to_datetime(orders["moment"]).dt.normalize()
    orders["days"] = (pd.Timestamp(today) - day).dt.days
    orders["pence"] = (orders["amount"] * 100).round().astype("int64")
    found = orders.groupby("customer").agg(r=("days", "min"), f=("InvoiceNo", "nunique"), m=("pence", "sum"))
    scores = {name: found[name].map(lambda value, cuts=cuts(found[name]): 1 + sum(cut < value for cut in cuts))
              for name in "rfm"}  # fmt: skip
    better = {
        "r": found["r"] < found["r"].mean(),
        "f": found["f"] > found["f"].mean(),
        "m": found["m"] > found["m"].mean(),
    }
    return {
        int(who): (6 - scores["r"][who], scores["f"][who], scores["m"][who],
                   GROUPS[bool(better["r"][who]), bool(better["f"][who]), bool(better["m"][who])])
        for who in found.index
    }  # fmt: skip


def cuts(values: "pd.Series[int]") -> list[int]:
    """The 20, 40, 60 and 80 % quantiles: values that exist."""
    ordered = values.sort_values().tolist()
    return [ordered[ceil(len(ordered) * share / 100) - 1] for share in (20, 40, 60, 80)]
