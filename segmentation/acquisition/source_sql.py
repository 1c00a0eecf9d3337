"""Who is new and where they came from, as SQL: the one place that says what a first-touch source is.

`NEWCOMERS` are common table expressions for a statement that asks on; give `shops`, `first` and `last`. They end in
`newcomers` (customer_id, first_on, net, label, source, how): customers whose first paid order in the shops fell into
the days, with the net amount of that order. `source` is `label` in lower case.

Their source, by `how` it is known:
* told   Customer.source, as somebody told us;
* touch  else the first contact before they paid that says more than "an order": its campaign, or its channel;
* shop   else platform and shop of that order, as tmall/tmall-main.
"""

from orders.sql import COUNTS

TOLD, TOUCH, SHOP = "told", "touch", "shop"

# Orders leave contacts of their own behind, in the channel "shop" or naming the order: they say what the order says.
_SPEAKS = "(t.campaign_code <> '' OR (t.order_id IS NULL AND t.channel NOT IN ('', 'shop')))"

NEWCOMERS = f"""
firsts AS MATERIALIZED (
  SELECT DISTINCT ON (o.customer_id) o.customer_id, o.paid_on AS first_on, o.paid_at, o.shop_id, o.net_amount AS net
  FROM orders_order o
  WHERE o.shop_id = ANY(%(shops)s) AND o.paid_on BETWEEN %(first)s AND %(last)s AND o.customer_id IS NOT NULL
    AND {COUNTS}
  ORDER BY o.customer_id, o.paid_on, o.paid_at, o.id
), sourced AS (
  SELECT f.customer_id, f.first_on, f.net, coalesce(c.told, t.label, left(h.platform || '/' || h.code, 60)) AS label,
    CASE WHEN c.told IS NOT NULL THEN 'told' WHEN t.label IS NOT NULL THEN 'touch' ELSE 'shop' END AS how
  FROM firsts f JOIN customers_shop h ON h.id = f.shop_id
  JOIN (SELECT id, nullif(btrim(source), '') AS told FROM customers_customer) c ON c.id = f.customer_id
  LEFT JOIN LATERAL (
    SELECT coalesce(nullif(t.campaign_code, ''), t.channel) AS label FROM touchpoints_touchpoint t
    WHERE t.customer_id = f.customer_id AND t.occurred_at <= f.paid_at AND {_SPEAKS}
    ORDER BY t.occurred_at, t.id LIMIT 1) t ON c.told IS NULL
  WHERE NOT EXISTS (
    SELECT FROM orders_order o WHERE o.customer_id = f.customer_id AND o.shop_id = ANY(%(shops)s)
      AND o.paid_on < %(first)s AND {COUNTS})
), newcomers AS MATERIALIZED (SELECT s.*, lower(s.label) AS source FROM sourced s)
"""  # noqa: S608  our own words
