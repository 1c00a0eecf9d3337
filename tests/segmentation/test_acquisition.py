"""Where customers came from, what they have brought since, and who never paid back."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import time_machine

from crm_suite.access.models import AuditEvent
from crm_suite.lib.errors import BadInput
from customers.books import Book, book_of
from customers.merging import merge_customers
from customers.models import Shop
from orders.sql import forget_figures
from segmentation.acquisition import selectors, spend
from segmentation.acquisition.costs import Days
from segmentation.acquisition.newcomers import MARGIN, NET, newcomers, purses
from segmentation.acquisition.unpaid import every_debtor
from segmentation.models import SpendEntry
from tests.builders import (
    make_customer,
    make_facts,
    make_line,
    make_product,
    make_purchase,
    make_shop,
    make_spend,
    make_touchpoint,
    make_user,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("spring")]

QUARTER = Days(date(2026, 1, 1), date(2026, 3, 31))
TODAY = date(2026, 6, 30)


@pytest.fixture
def spring():
    with time_machine.travel(datetime(2026, 6, 30, 4, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def shop() -> Shop:
    return make_shop("main", name="Main", platform="tmall", timezone="Asia/Shanghai")


def book() -> Book:
    found = book_of("CNY")
    assert found
    return found


def counts(days: Days = QUARTER) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in newcomers(book(), days).arrivals:
        found[one.source] = found.get(one.source, 0) + one.n
    return found


# --- who is new, and from where ---------------------------------------------------------------------------------------


def test_only_the_first_paid_order_of_the_book_makes_somebody_new(shop):
    ann = make_customer("Ann")
    make_purchase(ann, shop, "2025-12-31")
    make_purchase(ann, shop, "2026-02-01")
    for day in ("2026-02-01", "2026-03-01"):
        make_purchase(bob := make_customer("Bob"), shop, day)
    make_purchase(bob, shop, "2026-05-01")
    make_purchase(None, shop, "2026-02-01")
    refunded = make_customer("Refunded")
    make_purchase(refunded, shop, "2025-06-01", refunded_amount=Decimal(100))
    make_purchase(refunded, shop, "2026-03-31")
    make_purchase(make_customer("Late"), shop, "2026-04-01")
    euro = make_shop("de", currency="EUR")
    make_purchase(make_customer("Euro"), euro, "2026-02-01")
    # In the other currency's book Ann is new in January, here she is not.
    make_purchase(ann, euro, "2026-01-05")
    assert counts() == {"tmall/main": 3}


def test_what_somebody_told_comes_before_contacts_and_shops(shop):
    told, told_too = make_customer("Told", source=" Little Red Book "), make_customer("Too", source="LITTLE RED BOOK")
    make_touchpoint(told, "t1", campaign_code="spring", occurred_at=datetime(2026, 1, 1, tzinfo=UTC))
    for who in (told, told_too, make_customer("Nobody knows", source="  ")):
        make_purchase(who, shop, "2026-02-01")
    assert counts() == {"little red book": 2, "tmall/main": 1}
    found = newcomers(book(), QUARTER)
    assert found.how == {"told": 2, "touch": 0, "shop": 1}
    assert found.labels["little red book"] in ("Little Red Book", "LITTLE RED BOOK")


def test_the_first_contact_before_they_paid_names_campaign_or_channel(shop):
    february = datetime(2026, 2, 1, tzinfo=UTC)
    by_campaign, by_chat, by_order, too_late = (make_customer(name) for name in ("A", "B", "C", "D"))
    for who in (by_campaign, by_chat, too_late):
        make_purchase(who, shop, "2026-02-10")
    own = make_purchase(by_order, shop, "2026-02-10")
    make_touchpoint(by_campaign, "1", campaign_code="Spring", channel="sms", occurred_at=february)
    make_touchpoint(by_campaign, "2", campaign_code="later", occurred_at=datetime(2026, 2, 2, tzinfo=UTC))
    make_touchpoint(by_chat, "3", channel="chat", occurred_at=february)
    make_touchpoint(by_chat, "4", campaign_code="later", occurred_at=datetime(2026, 2, 2, tzinfo=UTC))
    make_touchpoint(by_order, "5", channel="shop", kind="order_placed", order=own, occurred_at=february)
    make_touchpoint(by_order, "6", channel="phone", order=own, occurred_at=february)
    make_touchpoint(too_late, "7", campaign_code="after", occurred_at=datetime(2026, 2, 11, tzinfo=UTC))
    assert counts() == {"spring": 1, "chat": 1, "tmall/main": 2}


def test_the_shop_of_the_first_order_is_that_of_the_first_payment_of_the_day(shop):
    jd = make_shop("jd", platform="jd", timezone="Asia/Shanghai")
    who = make_customer()
    evening, morning = datetime(2026, 2, 1, 10, tzinfo=UTC), datetime(2026, 2, 1, 1, tzinfo=UTC)
    make_purchase(who, shop, "2026-02-01", paid_at=evening)
    make_purchase(who, jd, "2026-02-01", paid_at=morning)
    assert counts() == {"jd/jd": 1}
    assert [row.label for row in selectors.overview(book(), QUARTER).rows] == ["JD · Jd"]


def test_a_merge_fills_in_the_source(shop):
    kept, gone = make_customer("Kept"), make_customer("Gone", source="fair")
    make_purchase(kept, shop, "2026-02-01"), make_purchase(gone, shop, "2026-02-02")
    merge_customers(kept=kept, gone=gone, by=None)
    assert counts() == {"fair": 1}


# --- cost beside it ---------------------------------------------------------------------------------------------------


def test_cost_per_new_customer_stands_beside_the_price_model(shop):
    for number in range(4):
        make_purchase(make_customer(source="Fair"), shop, f"2026-02-0{number + 1}")
    make_purchase(make_customer(), shop, "2026-02-01")
    make_spend("FAIR", "280", quantity=100, conversion=Decimal("0.05"))
    make_spend("fair", "999", first_day=date(2025, 1, 1), last_day=date(2025, 12, 31))
    make_spend("fair", "999", book="EUR")
    found = selectors.overview(book(), QUARTER)
    assert [(row.label, row.cost.n, row.cost.per_customer, row.cost.promised_high) for row in found.rows] == [
        ("Fair", 4, 70, 56), ("Tmall · Main", 1, None, None),
    ]  # fmt: skip
    assert (found.total.n, found.total.spent, found.total.per_customer) == (4, 280, 70)
    assert [row.written for row in found.rows] == ["Fair", "tmall/main"]  # what a form fills in finds the source again
    assert found.find("tmall/main") is found.rows[1]
    assert found.find("") is found.rows[0]


def test_a_source_that_brought_nobody_is_called_as_it_was_written(shop):
    make_purchase(make_customer(), shop, "2026-05-01")
    make_spend("Little Red Book")
    (row,) = selectors.overview(book(), QUARTER).rows
    assert (row.label, row.source, row.cost.n) == ("Little Red Book", "little red book", 0)


# --- pay-back ---------------------------------------------------------------------------------------------------------


def won(shop: Shop, *days: str, source: str = "fair", paid: str = "100") -> None:
    who = make_customer(source=source)
    for day in days:
        make_purchase(who, shop, day, paid)


def test_a_curve_by_order_and_by_month(shop):
    won(shop, "2026-01-01", "2026-01-15", "2026-03-20")  # first, first and third month
    won(shop, "2026-01-01", "2026-07-05")  # the second order is after the day that counts
    won(shop, "2026-03-31", source="other")
    won(shop, "2025-11-01", "2026-01-15")  # not new
    found = purses(book(), QUARTER, source="fair", as_of=TODAY, basis=NET)
    assert (found.n, found.people, found.net, found.coverage) == (2, {6: 2}, 400, 0)
    assert [(one.number, one.n, one.total, one.squares) for one in found.orders] == [
        (1, 2, 200, 20_000), (2, 1, 100, 30_000), (3, 1, 100, 50_000),
    ]  # fmt: skip
    assert sorted((one.observed, one.month, one.total, one.squares) for one in found.months) == [
        (6, 0, 300, 50_000), (6, 2, 100, 50_000),
    ]  # fmt: skip


def test_pay_back_of_a_source(shop):
    for number in range(30):
        won(shop, "2026-01-01", *(["2026-02-15"] if number < 20 else []))
    make_spend("fair", "4500")
    found = recovered(shop)
    assert (found.can_tell, found.cost, found.n, found.basis) == (True, 150, 30, NET)
    assert [round(point.mean) for point in found.orders] == [100, 167]
    assert found.order and (found.order.at, found.order.is_sure) == (2, False)
    assert found.month and found.month.at == 2
    assert [point.at for point in found.months] == [1, 2, 3, 4, 5, 6]
    SpendEntry.objects.update(price=9_000)
    found = recovered(shop)
    assert (found.cost, found.order, found.month) == (300, None, None)


def recovered(shop: Shop, wish: str = "") -> selectors.Recovery:
    row = selectors.overview(book(), QUARTER).find("fair")
    assert row
    return selectors.recovery(book(), row, days=QUARTER, as_of=TODAY, wish=wish)


def test_of_few_customers_or_without_a_cost_nothing_is_said(shop):
    for _number in range(29):
        won(shop, "2026-01-01")
    make_spend("fair", "29")
    found = recovered(shop)
    assert (found.can_tell, found.cost, found.order, found.months) == (False, 1, None, [])
    won(shop, "2026-01-02")
    SpendEntry.objects.all().delete()
    forget_figures()
    found = recovered(shop)
    assert (found.can_tell, found.cost, found.order) == (False, None, None)


def test_margin_counts_only_what_has_a_known_cost(shop):
    tea, cup = make_product(shop, cost=Decimal(30)), make_product(shop)
    who = make_customer(source="fair")
    order = make_purchase(who, shop, "2026-01-01", "80", refunded_amount=Decimal(16))
    make_line(order, tea, "60", quantity=1), make_line(order, cup, "20")
    make_purchase(who, shop, "2026-01-09", "50")  # nobody knows of what
    found = purses(book(), QUARTER, source="fair", as_of=TODAY, basis=MARGIN)
    # Three quarters of the 64 that stayed fell to tea, which cost 30.
    assert [(one.number, one.total) for one in found.orders] == [(1, Decimal(18)), (2, 0)]
    assert found.coverage == pytest.approx(48 / 114)


def test_margin_is_the_measure_where_costs_cover_enough(shop):
    tea = make_product(shop, cost=Decimal(30))
    for _number in range(4):
        order = make_purchase(make_customer(source="fair"), shop, "2026-01-01", "80")
        make_line(order, tea, "80")
    assert (recovered(shop).basis, recovered(shop).coverage) == (MARGIN, 1)
    assert recovered(shop, wish=NET).basis == NET
    make_purchase(make_customer(source="fair"), shop, "2026-01-01", "100")
    forget_figures()
    assert recovered(shop).basis == NET
    assert recovered(shop, wish=MARGIN).basis == MARGIN


# --- never paid back --------------------------------------------------------------------------------------------------


def test_who_never_paid_back(shop):
    won(shop, "2026-03-30", paid="40")  # had 92 days
    won(shop, "2026-01-01", paid="30")
    won(shop, "2026-01-01", "2026-06-01", paid="30")  # 60 in two orders
    won(shop, "2026-01-01", "2026-06-01", paid="20")
    won(shop, "2026-01-01", source="other", paid="1")
    lost = make_customer("Lost", source="fair")
    make_purchase(lost, shop, "2026-01-01", "49.99")
    make_facts(lost, stage="lost")
    make_spend("fair", "250")  # 50 for each of five
    overview = selectors.overview(book(), QUARTER)
    asked = selectors.question(book(), overview, as_of=TODAY, after=180, basis=NET)
    found = selectors.never_paid_back(asked)
    assert found and (found.of, found.n, found.missing) == (4, 3, Decimal("30.01"))
    assert [(one.first_on, one.orders, one.brought, one.missing) for one in found.rows] == [
        (date(2026, 1, 1), 1, Decimal("49.99"), Decimal("0.01")), (date(2026, 1, 1), 2, 40, 10),
        (date(2026, 1, 1), 1, 30, 20),
    ]  # fmt: skip
    later = selectors.question(book(), overview, as_of=TODAY, after=90, basis=NET, source="fair")
    shown = list(every_debtor(later))
    assert [one.debtor.brought for one in shown] == [40, Decimal("49.99"), 40, 30]
    assert (shown[1].stage, shown[1].next_step) == ("lost", "Stop writing; hand to a cheaper channel")
    free = selectors.question(book(), overview, as_of=TODAY, after=90, basis=NET, source="other")
    assert selectors.never_paid_back(free) is None


def test_nobody_owes_anything_where_all_have_paid_back(shop):
    won(shop, "2026-01-01")
    make_spend("fair", "100")
    asked = selectors.question(book(), selectors.overview(book(), QUARTER), as_of=TODAY, after=90, basis=NET)
    found = selectors.never_paid_back(asked)
    assert found and (found.of, found.n, found.missing, found.rows) == (1, 0, 0, [])
    assert list(every_debtor(asked)) == []


# --- recording spend --------------------------------------------------------------------------------------------------


def entry(**fields) -> SpendEntry:
    given = {"book": "CNY", "source": "fair", "kind": "fixed", "price": Decimal(10), "first_day": date(2026, 1, 1),
             "last_day": date(2026, 1, 31), **fields}  # fmt: skip
    return SpendEntry(**given)


def test_an_entry_keeps_what_its_kind_asks_for_and_is_recorded(shop):
    user = make_user("operator")
    saved = spend.save_spend(
        entry=entry(source="  Trade   fair ", rate=Decimal("0.2"), conversion=Decimal("0.1")), by=user
    )
    saved.refresh_from_db()
    assert (saved.source, saved.rate, saved.conversion, saved.created_by) == ("Trade fair", None, Decimal("0.1"), user)
    saved.kind, saved.rate = "commission", Decimal("0.2")
    spend.save_spend(entry=saved, by=user)
    saved.refresh_from_db()
    assert (saved.price, saved.conversion, saved.rate) == (None, None, Decimal("0.2"))
    spend.delete_spend(entry=saved, by=user)
    assert list(AuditEvent.objects.order_by("pk").values_list("action", flat=True)) == [
        "spend.add", "spend.edit", "spend.delete",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"source": "  "}, "source"),
        ({"kind": "gift"}, "kind"),
        ({"book": "XXX"}, "book"),
        ({"price": None}, "price"),
        ({"price": Decimal(-1)}, "price"),
        ({"kind": "commission"}, "rate"),
        ({"kind": "commission", "rate": Decimal("1.1")}, "rate"),
        ({"conversion": Decimal(0)}, "conversion"),
        ({"quantity": 0}, "quantity"),
        ({"last_day": date(2025, 12, 31)}, "last_day"),
        ({"first_day": date(2010, 1, 1)}, "last_day"),
    ],
)
def test_what_cannot_be_is_refused(shop, wrong, field):
    with pytest.raises(BadInput) as refusal:
        spend.save_spend(entry=entry(**wrong))
    assert refusal.value.extra == {"field": field}
    assert not SpendEntry.objects.exists()
