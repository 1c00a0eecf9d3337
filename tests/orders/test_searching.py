"""Finding orders by the beginning of their number."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.models import Order
from orders.selectors import find_orders
from tests.builders import make_customer, make_purchase, make_shop
from tests.plans import walks

pytestmark = pytest.mark.django_db


def found(text: str) -> list[str]:
    return [order.external_id for order in find_orders(text)]


def test_the_number_itself_comes_before_newer_ones_that_begin_with_it() -> None:
    uk, cn = make_shop("uk", currency="GBP"), make_shop("cn")
    mei = make_customer("Mei")
    for shop, day, number in ((uk, "2026-01-01", "88"), (cn, "2026-03-01", "8812"), (cn, "2026-02-01", "8811"),
                              (uk, "2026-03-05", "1988")):  # fmt: skip
        order = make_purchase(mei, shop, day)
        Order.objects.filter(pk=order.pk).update(external_id=number)
    assert found("88") == ["88", "8812", "8811"]
    assert found("8") == found("889") == found("%8") == []


def test_without_a_shop_nothing_is_found() -> None:
    assert found("88") == []


def test_a_search_reads_no_whole_table_and_asks_three_times() -> None:
    shops = [make_shop(f"shop-{n}") for n in range(3)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orders_order (shop_id, external_id, state, platform_state, placed_at, total_amount,"
            " paid_amount, refunded_amount, extra, created_at, updated_at)"
            " SELECT shop, shop || lpad(n::text, 8, '0'), 'created', '', now() - n * interval '1 minute', 1, 0, 0,"
            " '{}', now(), now() FROM generate_series(1, 7000) n, unnest(%s::bigint[]) shop",
            [[shop.pk for shop in shops]],
        )
        cursor.execute("ANALYZE orders_order")
    number = f"{shops[1].pk}00001234"
    for text in (number, number[:6], "no-such-number"):
        with CaptureQueriesContext(connection) as queries:
            orders = find_orders(text)
            assert [order.shop.name for order in orders if order.external_id == text] in ([], [shops[1].name])
        assert len(queries) <= 3
        searches = [query["sql"] for query in queries if "external_id" in query["sql"]]
        assert searches and [walks(sql) for sql in searches] == [[]] * len(searches)
    assert walks("SELECT id FROM orders_order WHERE platform_state LIKE '1%' ORDER BY placed_at DESC LIMIT 6") != []
