"""How the analysis is usually done: one SQL statement, and pandas with Django's ORM."""

from datetime import date, timedelta

from benchmarks.purchases import COUNTED, LAST_DAY, query


def _plain(day: date) -> str:
    """Scores, groups, stages and facts by one statement with window functions."""
    return f"""
        WITH spells AS (
          SELECT customer_id, paid_on - lag(paid_on) OVER (PARTITION BY customer_id ORDER BY paid_on) AS days
          FROM (SELECT DISTINCT customer_id, paid_on FROM orders_order WHERE {COUNTED}) bought),
        bounds AS (SELECT percentile_disc(ARRAY[0.3, 0.6, 0.9]) WITHIN GROUP (ORDER BY days) AS b FROM spells),
        people AS (
          SELECT customer_id, DATE '{day}' - max(paid_on) AS r, count(*) AS f, sum(net_amount) AS m,
            min(paid_on) AS first, max(paid_on) AS last
          FROM orders_order WHERE {COUNTED} GROUP BY customer_id),
        gaps AS (SELECT customer_id, percentile_disc(0.5) WITHIN GROUP (ORDER BY days) AS gap FROM spells GROUP BY 1)
        SELECT people.*, gap, 6 - ntile(5) OVER (ORDER BY r, customer_id) AS rs,
          ntile(5) OVER (ORDER BY f, customer_id) AS fs, ntile(5) OVER (ORDER BY m, customer_id) AS ms,
          r < avg(r) OVER () AS rh, f > avg(f) OVER () AS fh, m > avg(m) OVER () AS mh, width_bucket(r, b) AS stage
        FROM people LEFT JOIN gaps USING (customer_id) CROSS JOIN bounds"""  # noqa: S608


def plain_sql() -> None:
    """Rival: one statement, into a new table without an index that nobody reads meanwhile."""
    query("DROP TABLE IF EXISTS plain_state")
    query(f"CREATE TABLE plain_state AS {_plain(LAST_DAY)}")


_FACTS = ("orders", "net_amount", "first_paid_on", "last_paid_on", "median_gap", "r_score", "f_score", "m_score",
          '"group"', "stage")  # fmt: skip


def plain_sql_into_facts(day: date = LAST_DAY + timedelta(days=1)) -> None:
    """Rival: the same job as ours a day later: one statement that leaves its result in the facts, where it differs."""
    names, known, fresh = (", ".join(f"{alias}{name}" for name in _FACTS) for alias in ("", "known.", "excluded."))
    query(
        f"""
        INSERT INTO customers_customerfacts AS known (customer_id, book, purchase_days, refunds, platforms, email_ok,
          sms_ok, refreshed_at, {names})
        SELECT customer_id, 'CNY', f, 0, '{{}}', false, false, now(), f, m, first, last, gap, rs, fs, ms,
          'g' || rh::int || fh::int || mh::int, 's' || stage
        FROM ({_plain(day)}) AS found
        ON CONFLICT (customer_id) DO UPDATE SET ({names}) = ROW ({fresh})
        WHERE ({known}) IS DISTINCT FROM ({fresh})"""  # noqa: S608
    )


def pandas_and_orm() -> None:
    """Rival: everything into a DataFrame, qcut, back by bulk_create(update_conflicts)."""
    import pandas as pd
    from django.db import connection

    from customers.models import CustomerFacts

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT customer_id, paid_on, net_amount FROM orders_order WHERE {COUNTED}")  # noqa: S608
        frame = pd.DataFrame(cursor.fetchall(), columns=["customer", "day", "net"])
    frame["day"], frame["net"] = pd.to_datetime(frame["day"]), frame["net"].astype(float)
    people = frame.groupby("customer").agg(last=("day", "max"), f=("day", "size"), m=("net", "sum"))
    people["r"] = (pd.Timestamp(LAST_DAY) - people["last"]).dt.days
    scores = {name: pd.qcut(people[name].rank(method="first"), 5, labels=False) + 1 for name in ("r", "f", "m")}
    rows = [
        CustomerFacts(
            customer_id=pk, book="CNY", orders=f, net_amount=round(m, 2), last_paid_on=last.date(),
            r_score=6 - rs, f_score=fs, m_score=ms,
        )
        for pk, last, f, m, rs, fs, ms in zip(
            people.index, people["last"], people["f"], people["m"], scores["r"], scores["f"], scores["m"], strict=True
        )
    ]  # fmt: skip
    CustomerFacts.objects.bulk_create(
        rows, batch_size=1_000, update_conflicts=True, unique_fields=["customer"],
        update_fields=["book", "orders", "net_amount", "last_paid_on", "r_score", "f_score", "m_score"],
    )  # fmt: skip
