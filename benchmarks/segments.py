"""How long the segment builder and a segment's page wait for the database: counts, previews, the first page.

`python -m benchmarks.segments [--small 100000] [--large 1000000] [--repeats 5]`, on a database of its own: so many
customers, five paid orders each over three years with one or two lines in twenty categories, touchpoints, messages,
consents, labels of two days and expectations. Medians of warm runs in this process. Goal: 300 ms.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.scratch import scratch_servers

GOAL = 0.3
BOOK = "CNY"
CATEGORIES, PRODUCTS = 20, 400

Rule = dict[str, Any]


def leaf(field: str, op: str, value: object) -> Rule:
    return {"field": field, "op": op, "value": value}


def rules(today: date) -> dict[str, Rule]:
    """What stores ask for, from cheap to dear."""
    lost = leaf("stage", "in", ["lost"])
    shelf = {"orders": {"filter": {"category": ["Shelf 7"]}, "count": {"op": "gte", "value": 2}, "within_days": 90}}
    return {
        "lost, two orders": {"all": [lost, leaf("orders", "gte", 2)]},
        "champions or VIPs": {"any": [leaf("group", "in", ["champions"]), leaf("net_amount", "gte", "2000")]},
        "not seen for 200 days": {"all": [leaf("days_since", "gte", 200), leaf("email_ok", "is", True)]},
        "in Hangzhou": leaf("city", "in", ["杭州"]),
        "birthday this month": leaf("birthday_month", "in", [str(today.month)]),
        "about to leave": {"all": [leaf("p_alive", "lte", 30), leaf("orders", "gte", 3)]},
        "bought in 30 days": {"orders": {"within_days": 30}},
        "category twice in 90 days": shelf,
        "lost, never the category": {"all": [lost, {"not": {"orders": {"filter": {"category": ["Shelf 7"]}}}}]},
        "one product": {"orders": {"filter": {"product": ["S17"]}}},
        "complained in 30 days": {"touchpoints": {"filter": {"kind": ["complaint"]}, "within_days": 30}},
        "clicked a campaign": {"messages": {"filter": {"outcome": ["clicked"]}}},
        "was active, now lost": {
            "all": [lost, {"was": {"kind": "stage", "value": ["active"], "on": str(today - timedelta(days=100))}}]
        },
        "consented to SMS": leaf("sms_consent", "in", ["given"]),
    }  # fmt: skip


_STATEMENTS = (
    """INSERT INTO customers_customer (id, name, phone, email, city, country, language, birthday, note, extra, is_demo,
         created_at, updated_at)
       SELECT n, 'Customer ' || n, '+86139' || lpad(n::text, 8, '0'), 'b' || n || '@example.com',
         (ARRAY['杭州','成都','厦门','武汉'])[1 + n %% 4], 'CN', '',
         CASE WHEN n %% 3 = 0 THEN date '1970-01-01' + (n %% 14000) END, '', '{}', false, now(), now()
       FROM generate_series(1, %(customers)s) n""",
    """INSERT INTO orders_product (shop_id, sku, name, category, created_at)
       SELECT %(shop)s, 'S' || n, 'Thing ' || n, 'Shelf ' || n %% %(categories)s, now()
       FROM generate_series(1, %(products)s) n""",
    """INSERT INTO orders_order (shop_id, external_id, customer_id, state, platform_state, placed_at, paid_at, paid_on,
         total_amount, paid_amount, refunded_amount, extra, created_at, updated_at)
       SELECT %(shop)s, lpad(n::text, 14, '0'), 1 + floor(power(random(), 1.3) * %(customers)s)::int, 'completed', '',
         at, at, (at AT TIME ZONE 'Asia/Shanghai')::date, 50 + n %% 500, 50 + n %% 500, 0, '{}', now(), now()
       FROM (SELECT n, now() - (1 - n::float / (5 * %(customers)s)) * interval '1095 days' AS at
             FROM generate_series(1, 5 * %(customers)s) n) made""",
    """INSERT INTO orders_orderline (order_id, line_no, product_id, sku, name, quantity, unit_price, amount)
       SELECT o.id, l, p.id, p.sku, p.name, l, 45, 45 * l FROM orders_order o CROSS JOIN generate_series(1, 2) l
       JOIN orders_product p ON p.shop_id = %(shop)s AND p.sku = 'S' || 1 + (o.id * 31 + l * 17) %% %(products)s
       WHERE l = 1 OR o.id %% 2 = 0""",
    """INSERT INTO touchpoints_touchpoint (customer_id, stage, kind, direction, channel, occurred_at, shop_id,
         campaign_code, agent, summary, data, dedupe_key, recorded_at)
       SELECT 1 + (n::bigint * 7919) %% %(customers)s, 'after_sale',
         (ARRAY['inquiry','review','complaint','call'])[1 + n %% 4], 'in', 'chat',
         now() - n * interval '700 days' / %(customers)s, %(shop)s, '', '', '', '{}', 'b:' || n, now()
       FROM generate_series(1, %(customers)s) n""",
    """INSERT INTO campaigns_message (campaign_id, customer_id, token, arm, channel, state, reason, detail,
         stage_when_chosen, group_when_chosen, address_digest, masked_address, due_at, sent_at, claims, attempts,
         generation, parts, provider, provider_message_id, updated_at)
       SELECT c.id, n, gen_random_uuid(), 'treated', 'email', 'delivered', '', '', '', '', '', '', now(), now(), 1, 1,
         0, 1, '', '', now()
       FROM campaigns_campaign c CROSS JOIN generate_series(1, greatest(%(customers)s / 10, 1)) n""",
    """INSERT INTO campaigns_response (message_id, kind, occurred_at, suspected_bot, data)
       SELECT id, 'click', now(), false, '{}' FROM campaigns_message WHERE id %% 20 = 0""",
    """INSERT INTO customers_consent (customer_id, channel, granted, source, wording, proof, occurred_at, recorded_at)
       SELECT n, c, n %% 10 > 0, 'checkout', '', '', now() - interval '1 day' * (n %% 900), now()
       FROM generate_series(1, %(customers)s) n CROSS JOIN (VALUES ('email'), ('sms')) v (c)""",
    """INSERT INTO customers_customerfacts (customer_id, book, orders, purchase_days, net_amount, refunds,
         first_paid_on, last_paid_on, r_score, f_score, m_score, "group", stage, platforms, email_ok, sms_ok,
         email_consent, sms_consent)
       SELECT c.id, %(book)s, coalesce(o.n, 0), coalesce(o.n, 0), coalesce(o.net, 0), 0, o.first, o.last,
         1 + c.id %% 5, 1 + c.id / 5 %% 5, 1 + c.id / 25 %% 5,
         CASE WHEN o.n IS NULL THEN '' WHEN c.id %% 8 = 0 THEN 'champions' ELSE 'lost_small' END,
         CASE WHEN o.n IS NULL THEN 'prospect' WHEN o.last > current_date - 30 THEN 'active'
              WHEN o.last > current_date - 120 THEN 'silent' WHEN o.last > current_date - 400 THEN 'dormant'
              ELSE 'lost' END,
         '{taobao}', c.id %% 10 > 0, c.id %% 10 > 1, said.word, said.word
       FROM customers_customer c LEFT JOIN (
         SELECT customer_id, count(*) AS n, sum(net_amount) AS net, min(paid_on) AS first, max(paid_on) AS last
         FROM orders_order GROUP BY customer_id) o ON o.customer_id = c.id
       CROSS JOIN LATERAL (SELECT CASE WHEN c.id %% 10 > 0 THEN 'given' ELSE 'refused' END) said (word)""",
    """INSERT INTO segmentation_customervalue (customer_id, book, p_alive, expected_orders, expected_net)
       SELECT customer_id, book, (customer_id * 37 %% 101) / 100.0, 1, customer_id %% 900 FROM customers_customerfacts
       WHERE orders > 0""",
    """INSERT INTO segmentation_labelchange (customer_id, run_id, kind, old, new, "on")
       SELECT f.customer_id, r.id, 'stage', CASE WHEN r.first THEN '' ELSE 'active' END,
         CASE WHEN r.first AND f.customer_id %% 3 > 0 THEN 'active'
         ELSE f.stage END, r.as_of
       FROM customers_customerfacts f CROSS JOIN (
         SELECT id, as_of, row_number() OVER (ORDER BY id) = 1 AS first FROM segmentation_analysisrun) r
       WHERE f.orders > 0 AND (r.first OR f.customer_id %% 3 > 0)""",
)


def fill(customers: int) -> None:
    """The store, in an empty database."""
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    from campaigns.models import Campaign
    from customers.models import Shop
    from segmentation.models import AnalysisRun

    call_command("flush", interactive=False, verbosity=0)
    shop = Shop.objects.create(code="bench", name="Bench", platform="taobao", currency=BOOK, timezone="Asia/Shanghai")
    today = timezone.localdate()
    for day in (today - timedelta(days=200), today):
        AnalysisRun.objects.create(book=BOOK, as_of=day, state="done")
    for number in range(5):
        Campaign.objects.create(
            shop=shop, code=f"c{number}", name=f"Campaign {number}", channel="email", started_at=timezone.now()
        )
    values: dict[str, int | str] = {
        "customers": customers, "shop": shop.pk, "products": PRODUCTS, "categories": CATEGORIES, "book": BOOK,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in _STATEMENTS:
            cursor.execute(statement, values)
        cursor.execute("VACUUM ANALYZE")


@dataclass(frozen=True)
class Waits:
    """Median seconds. `people` were found; the editor's answer was estimated from `asked` customers, 0: exact."""

    count: float
    exact: float
    editor: float
    members: float
    page: float
    people: int
    asked: int

    @property
    def times(self) -> tuple[float, ...]:
        return self.count, self.exact, self.editor, self.members, self.page


def waits(rule: Rule, repeats: int) -> Waits:
    """The size alone; the exact counts of all parts; the editor's counts, ten members after them; a page of members."""
    from django.test import RequestFactory

    from crm_suite.lib.listing import listing
    from segmentation import estimates, previews, selectors, walking

    people = selectors.size(selectors.members(rule=rule, book=BOOK))

    def page() -> object:
        order = ["-pk", "-net_amount", "-orders"]
        everybody = estimates.everybody(book=BOOK, is_demo=False)
        return walking.first_of(people, everybody, lambda each: listing(
            RequestFactory().get("/"), selectors.members(rule=rule, book=BOOK, each=each).prefetch_related("customer"),
            order=order, total=people, walks=each,
        ))  # fmt: skip

    def editor(patience: float | None = previews.PATIENCE) -> previews.Preview:
        return previews.preview(rule=rule, book=BOOK, patience=patience)

    def some() -> object:
        return previews.examples(rule=rule, book=BOOK, total=people, everybody=exact.everybody)

    exact = editor(None)
    return Waits(
        _median(lambda: selectors.size(selectors.members(rule=rule, book=BOOK)), repeats),
        _median(lambda: editor(None), repeats), _median(editor, repeats), _median(some, repeats),
        _median(page, repeats), people, editor().asked,
    )  # fmt: skip


def _median(ask: Callable[[], object], repeats: int) -> float:
    ask()
    times = []
    for _ in range(repeats):
        started = perf_counter()
        ask()
        times.append(perf_counter() - started)
    return median(times)


def measure(customers: int, repeats: int) -> dict[str, Waits]:
    from django.utils import timezone

    started = perf_counter()
    fill(customers)
    print(f"{customers:,} customers in {perf_counter() - started:.0f} s", flush=True)
    return {label: waits(rule, repeats) for label, rule in rules(timezone.localdate()).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with scratch_servers(DEBUG="0"):
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        for customers in (options.small, options.large):
            report(measure(customers, options.repeats))


def report(found: Mapping[str, Waits]) -> None:
    columns = "".join(f"{name:>10}" for name in ("count", "exact", "editor", "members", "page"))
    print(f"{'rule':<28}{'people':>9}{columns}{'estimated from':>16}")
    for label, one in found.items():
        times = "".join(f"{seconds * 1000:>7.0f} ms" for seconds in one.times)
        slow = [name for name in ("count", "exact", "editor", "members", "page") if getattr(one, name) > GOAL]
        over = f"  over the goal: {', '.join(slow)}" if slow else ""
        print(f"{label:<28}{one.people:>9,}{times}{one.asked or '':>16}{over}")


if __name__ == "__main__":
    main()
