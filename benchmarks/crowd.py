"""A shop with as many customers as one likes, made by a few statements: for pages, not for figures that mean anything.

A customer has a name, a phone, an e-mail and three keys; two orders of one or two lines with their touchpoints; a
tenth of them a message of one of twenty campaigns. 400 products. The analysis has run.
"""

from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign
from customers.models import Shop
from segmentation.models import Segment
from segmentation.services import refresh

PRODUCTS = 400
CAMPAIGNS = 20

_STATEMENTS = (
    """INSERT INTO customers_customer (id, name, phone, email, city, country, language, note, extra, is_demo,
         created_at, updated_at)
       SELECT n, (ARRAY['王','李','张','刘','陈','杨','赵','黄'])[1 + n %% 8] ||
           (ARRAY['伟','芳','娜','敏','静','丽','强','磊','军','洋'])[1 + n / 8 %% 10]
           || CASE WHEN n %% 3 = 0 THEN '' ELSE (ARRAY['华','明','平','刚'])[1 + n / 80 %% 4] END,
         '+86139' || lpad(n::text, 8, '0'),
         'b' || n || '@example.com', (ARRAY['杭州','成都','厦门','武汉'])[1 + n %% 4], 'CN', '', '', '{}', false,
         now() - n * interval '7 seconds', now() - n * interval '5 seconds'
       FROM generate_series(1, %(customers)s) n""",
    """INSERT INTO customers_identity (customer_id, kind, scope, value, original, source, created_at)
       SELECT n, k.kind, k.scope, k.value, k.value, 'crowd', now() FROM generate_series(1, %(customers)s) n,
       LATERAL (VALUES ('platform', 'crowd', 'nick' || n), ('phone', '', '+86139' || lpad(n::text, 8, '0')),
         ('email', '', 'b' || n || '@example.com')) k (kind, scope, value)""",
    """INSERT INTO orders_product (shop_id, sku, name, category, cost, created_at)
       SELECT %(shop)s, 'S' || n, 'Thing ' || n, 'Shelf ' || n %% 20, CASE WHEN n %% 4 > 0 THEN n %% 50 + 5 END, now()
       FROM generate_series(1, %(products)s) n""",
    """INSERT INTO orders_order (shop_id, external_id, customer_id, state, platform_state, placed_at, paid_at, paid_on,
         total_amount, paid_amount, refunded_amount, extra, created_at, updated_at)
       SELECT %(shop)s, '24' || lpad(n::text, 14, '0'), 1 + (n::bigint * 7919) %% %(customers)s, 'completed',
         '交易成功', at, at, (at AT TIME ZONE 'Asia/Shanghai')::date, 90 + n %% 400, 90 + n %% 400,
         CASE WHEN n %% 40 = 0 THEN 20 ELSE 0 END,
         '{}', now(), now() - n * interval '2 seconds'
       FROM (SELECT n, now() - (n::float / (2 * %(customers)s) * 700 || ' days')::interval AS at
             FROM generate_series(1, 2 * %(customers)s) n) made""",
    """INSERT INTO orders_orderline (order_id, line_no, product_id, sku, name, quantity, unit_price, amount)
       SELECT o.id, l, p.id, p.sku, p.name, l, 45, 45 * l FROM orders_order o CROSS JOIN generate_series(1, 2) l
       JOIN orders_product p ON p.shop_id = %(shop)s AND p.sku = 'S' || 1 + (o.id * 31 + l * 17) %% %(products)s
       WHERE l = 1 OR o.id %% 2 = 0""",
    """INSERT INTO touchpoints_touchpoint (customer_id, stage, kind, direction, channel, occurred_at, shop_id, order_id,
         campaign_code, agent, summary, data, recorded_at)
       SELECT customer_id, 'pay', 'order_paid', 'in', 'shop', paid_at, shop_id, id, '', '', '', '{}', now()
       FROM orders_order""",
    """INSERT INTO campaigns_message (campaign_id, customer_id, token, arm, channel, state, reason, detail,
         stage_when_chosen, group_when_chosen, address_digest, masked_address, due_at, claims, attempts, generation,
         parts, provider, provider_message_id, updated_at)
       SELECT c.id, n, gen_random_uuid(), 'holdout', 'email', 'held_out', '', '', '', '', '', '', now(), 0, 0, 0, 1,
         '', '', now()
       FROM campaigns_campaign c CROSS JOIN generate_series(1, greatest(%(customers)s / 200, 1)) n""",
)


def gather(customers: int) -> Shop:
    """Fill an empty database. Returns the shop."""
    shop = Shop.objects.create(code="crowd", name="Crowd", platform="taobao", currency="CNY", timezone="Asia/Shanghai")
    segment = Segment.objects.create(name="Everybody", rule={})
    Campaign.objects.bulk_create(
        Campaign(code=f"c{n}", name=f"Campaign {n}", shop=shop, channel="email", segment=segment, state="finished",
                 started_at=timezone.now(), finished_at=timezone.now())
        for n in range(CAMPAIGNS)
    )  # fmt: skip
    values = {"customers": customers, "shop": shop.pk, "products": PRODUCTS}
    with connection.cursor() as cursor:
        for statement in _STATEMENTS:
            cursor.execute(statement, values)
        cursor.execute("SELECT setval(pg_get_serial_sequence('customers_customer', 'id'), %s)", [customers])
        cursor.execute("VACUUM ANALYZE")
    refresh()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return shop
