"""The search box: whom it finds, in which order, and that no search reads a whole table."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from customers import searching
from customers.models import Customer, Identity
from tests.builders import make_customer, make_facts, make_identity
from tests.plans import walks

pytestmark = pytest.mark.django_db


def found(text: str, *, by_parts: bool = False, limit: int = 9) -> list[str]:
    return [hit.customer.name for hit in searching.find(text, by_parts=by_parts, limit=limit)]


def listed(text: str, *, by_parts: bool = False) -> set[str]:
    people = searching.search(Customer.objects.all(), text, by_parts=by_parts)
    return set(people.values_list("name", flat=True))


@pytest.fixture
def people() -> None:
    wang = make_customer("王伟", phone="+8613800138000", email="wang@example.com")
    make_identity(wang, "+8613800138000", kind="phone", scope="")
    make_identity(wang, "wang@example.com", kind="email", scope="")
    make_identity(wang, "tb_wei_88")
    for name in ("王伟强", "李小明", "小明", "张明小", "Li Lei", "Lionel", "Charlie", "LI"):
        make_customer(name)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("王伟", ["王伟", "王伟强"]),
        ("小明", ["小明", "李小明"]),
        ("伟强", ["王伟强"]),
        ("明小明", []),
        ("li", ["LI", "Li Lei", "Lionel"]),
        ("lie", ["Charlie"]),
        ("lei", ["Li Lei"]),
        ("138 0013 8000", ["王伟"]),
        ("WANG@example.com", ["王伟"]),
        ("tb_wei_88", ["王伟"]),
        ("8000", ["王伟"]),
        ("8001", []),
        ("nobody", []),
    ],
)
def test_people_are_found_the_nearest_first(text: str, names: list[str]) -> None:
    assert found(text) == names
    assert listed(text) == set(names)


@pytest.mark.usefixtures("people")
def test_parts_of_an_address_find_only_for_whoever_may_see_it() -> None:
    assert found("wang@exam", by_parts=True) == listed("wang@exam", by_parts=True).pop().split() == ["王伟"]
    assert found("wang@exam") == found("0013800") == []
    assert listed("wang@exam") == listed("0013800") == set()


@pytest.mark.usefixtures("people")
def test_a_number_finds_its_customer_before_a_name_that_holds_it() -> None:
    lei = Customer.objects.get(name="Li Lei")
    make_customer(f"{lei.pk} Shop")
    first, second = searching.find(str(lei.pk), by_parts=False, limit=9)
    assert (first.customer, first.is_exact, second.is_exact) == (lei, True, False)


def test_whoever_was_merged_away_is_not_found() -> None:
    kept = make_customer("韩梅梅")
    make_identity(make_customer("韩梅", merged_into=kept), "old_nick")
    assert found("韩梅") == ["韩梅梅"]
    assert found("old_nick") == []


def test_a_percent_sign_is_no_joker() -> None:
    make_customer("Ann")
    assert found("%%") == found("A_") == []


def test_a_search_asks_at_most_five_times_and_is_bounded() -> None:
    for number in range(30):
        make_facts(make_customer(f"王小明{number}", phone=f"+861380013{8000 + number}", email=f"ming{number}@qq.com"))
    for text in ("小明", "ming", "13800138", "13800138001", "ming7@qq.com", "zz"):
        with CaptureQueriesContext(connection) as queries:
            people = searching.find(text, by_parts=True, limit=9)
            assert [hit.customer.facts.orders for hit in people] == [0] * len(people)
        assert (text, len(queries) <= 5, len(people) <= 9) == (text, True, True)


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Twenty thousand people, half of them with Chinese names."""
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO customers_customer (name, phone, email, city, country, language, note, extra, is_demo,"
                " created_at, updated_at)"
                " SELECT CASE WHEN n % 2 = 0 THEN substr('王李张刘陈杨黄赵', n % 8 + 1, 1)"
                "   || substr('伟芳娜敏静丽强磊军洋', n % 10 + 1, 1) || substr('明小红英华', n / 10 % 5 + 1, 1)"
                "   ELSE 'Person ' || n END, '+8613' || lpad(n::text, 9, '0'), 'p' || n || '@example.com', '', '', '',"
                " '', '{}', false, now(), now() FROM generate_series(1, 20000) n"
            )
            cursor.execute(
                "INSERT INTO customers_identity (customer_id, kind, scope, value, original, source, created_at)"
                " SELECT id, 'phone', '', phone, '', '', now() FROM customers_customer WHERE phone <> ''"
            )
            cursor.execute("ANALYZE customers_customer, customers_identity")
        yield
        Identity.objects.all().delete()
        Customer.objects.all().delete()


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("text", ["王伟", "伟明", "pe", "erson 77", "13000000077", "p77@example.com", "0077", "nobody"])
def test_no_search_reads_a_whole_table(text: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        searching.find(text, by_parts=True, limit=9)
    assert [(query["sql"], found) for query in queries if (found := walks(query["sql"]))] == []


@pytest.mark.usefixtures("crowd")
def test_a_search_without_an_index_would_be_noticed() -> None:
    assert walks("SELECT id FROM customers_customer WHERE upper(city) LIKE '%X%'") == ["Seq Scan on customers_customer"]
    (walk,) = walks("SELECT id FROM customers_customer WHERE upper(city) LIKE '%X%' ORDER BY id DESC LIMIT 9")
    assert walk.startswith("Index")
