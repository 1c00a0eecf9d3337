"""Two chunks of one import at once, and what an order is looked up by."""

import pytest
from django.db import connection

from orders import services
from orders.importers import applying, running, side_by_side
from orders.importers.apply_sql import ORDER_OF_NUMBER
from orders.importers.applying import Chunk
from orders.models import ImportFile, Order
from tests.builders import make_shop
from tests.orders.files import accounted, imported, retail, story, upload
from tests.orders.test_resume import many_rows

pytestmark = [pytest.mark.django_db(transaction=True)]


def test_two_chunks_at_once_end_like_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, together = make_shop("alone", currency="GBP"), make_shop("together", currency="GBP")
    lines = retail(*(f"{5000 + n},S{n % 9},thing,1,2011-03-03 10:00:00,2.5,{n % 20}.0,UK" for n in range(200)))
    imported(alone, lines)
    monkeypatch.setattr(running, "CHUNK_ROWS", 40)
    pairs: list[tuple[str, str]] = []
    write_two = side_by_side._write_two

    def noted(one: Chunk, two: Chunk, how: side_by_side.WriteOne) -> None:
        pairs.append((one.upto, two.upto))
        write_two(one, two, how)

    monkeypatch.setattr(side_by_side, "_write_two", noted)
    import_file = imported(together, lines)
    assert len(pairs) == 2
    assert accounted(import_file)
    assert story(together) == story(alone)


def test_where_the_first_of_two_fails_the_second_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop("half", currency="GBP")
    monkeypatch.setattr(running, "CHUNK_ROWS", 40)
    write, calls = applying.apply, iter(range(9))

    def failing(chunk, **how):
        applied = write(chunk, **how)
        if how["lock"] is not applying.lock_beside and next(calls) == 1:
            raise RuntimeError("the first of two")
        return applied

    monkeypatch.setattr(running, "apply", failing)
    lines = retail(*(f"{5000 + n},S1,thing,1,2011-03-03 10:00:00,2.5,{n % 20}.0,UK" for n in range(200)))
    services.import_here(import_file=upload(shop, lines))
    import_file = ImportFile.objects.get(shop=shop)
    assert import_file.state == "failed"
    written = set(Order.objects.filter(shop=shop).values_list("external_id", flat=True))
    assert written == {str(number) for number in range(5000, int(import_file.applied_to) + 1)}
    assert 0 < len(written) < 60


def test_refunds_with_numbers_of_their_own_are_written_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "CHUNK_ROWS", 40)
    monkeypatch.setattr(side_by_side, "_write_two", lambda *_all: pytest.fail("two chunks may tell of one refund"))
    import_file = imported(make_shop("calm", currency="GBP"), many_rows())
    assert import_file.counts["refund_rows"] > 0


def test_orders_of_a_shop_that_the_statistics_do_not_know_are_found_by_their_number() -> None:
    known, fresh = make_shop("known"), make_shop("fresh")
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE orders_order CASCADE")
        for shop in (known, fresh):
            cursor.execute(
                "INSERT INTO orders_order (shop_id, external_id, state, platform_state, placed_at, total_amount,"
                " paid_amount, refunded_amount, extra, created_at, updated_at)"
                " SELECT %s, 'a long number of an order ' || n, 'created', '', now() - n * interval '1 minute', 1, 0,"
                " 0, '{}', now(), now() FROM generate_series(1, 20000) n",
                [shop.pk],
            )
            if shop == known:
                cursor.execute("VACUUM ANALYZE orders_order")
        condition = ORDER_OF_NUMBER.format(number="t.order_no")
        cursor.execute(
            f"EXPLAIN SELECT o.id FROM (VALUES ('x'), ('y')) t (order_no) CROSS JOIN LATERAL"
            f" (SELECT * FROM orders_order o WHERE {condition} LIMIT 1) o",
            {"shop": fresh.pk},
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "order_number_once_per_shop" in plan, plan
    assert "external_id" in plan.split("Index Cond")[1].splitlines()[0]
