"""Whoever changes an order, a refund or a merge says so in the same transaction: runs look at nobody else.

One statement per trigger call, whatever number of rows: an import of a chunk adds each of its customers once.
"""

from django.db import migrations, models

_INTO = "INSERT INTO segmentation_touched (customer_id)"


def _watch(table: str, columns: str) -> str:
    """Rows of `table` that come, go, or are no longer the same in `columns`: of whom they were and are."""
    name = f"segmentation_{table}"
    return f"""
CREATE FUNCTION {name}_came() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {_INTO} SELECT DISTINCT customer_id FROM fresh WHERE customer_id IS NOT NULL; RETURN NULL;
END $$;
CREATE FUNCTION {name}_went() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {_INTO} SELECT DISTINCT customer_id FROM gone WHERE customer_id IS NOT NULL; RETURN NULL;
END $$;
CREATE FUNCTION {name}_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {_INTO} SELECT DISTINCT whose.customer FROM fresh f JOIN gone g USING (id)
    CROSS JOIN LATERAL (VALUES (f.customer_id), (g.customer_id)) AS whose (customer)
    WHERE whose.customer IS NOT NULL AND ROW({_of("f", columns)}) IS DISTINCT FROM ROW({_of("g", columns)});
  RETURN NULL;
END $$;
CREATE TRIGGER {name}_came AFTER INSERT ON {table} REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION {name}_came();
CREATE TRIGGER {name}_went AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION {name}_went();
CREATE TRIGGER {name}_changed AFTER UPDATE ON {table} REFERENCING NEW TABLE AS fresh OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION {name}_changed();
"""  # noqa: S608  our own words


def _of(alias: str, columns: str) -> str:
    return ", ".join(f"{alias}.{column}" for column in columns.split())


def _forget(table: str) -> str:
    name = f"segmentation_{table}"
    return "".join(
        f"DROP TRIGGER IF EXISTS {name}_{what} ON {table}; DROP FUNCTION IF EXISTS {name}_{what}();"
        for what in ("came", "went", "changed")
    )


_PEOPLE = f"""
CREATE FUNCTION segmentation_people_came() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {_INTO} SELECT id FROM fresh; RETURN NULL;
END $$;
CREATE FUNCTION segmentation_people_merged() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {_INTO} SELECT f.id FROM fresh f JOIN gone g USING (id)
    WHERE ROW(f.merged_into_id, f.is_demo) IS DISTINCT FROM ROW(g.merged_into_id, g.is_demo);
  RETURN NULL;
END $$;
CREATE TRIGGER segmentation_people_came AFTER INSERT ON customers_customer REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION segmentation_people_came();
CREATE TRIGGER segmentation_people_merged AFTER UPDATE ON customers_customer
  REFERENCING NEW TABLE AS fresh OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION segmentation_people_merged();
"""  # noqa: S608
_FORGET_PEOPLE = """
DROP TRIGGER IF EXISTS segmentation_people_came ON customers_customer;
DROP TRIGGER IF EXISTS segmentation_people_merged ON customers_customer;
DROP FUNCTION IF EXISTS segmentation_people_came();
DROP FUNCTION IF EXISTS segmentation_people_merged();
"""

# The tally of labels: every change of facts adds and takes away what it changes, in one order against deadlocks.
_KEY = 'book, "group", stage, r_score, f_score'
_ADD = f"""
  INSERT INTO segmentation_labeltally ({_KEY}, customers, orders, net_amount)
  SELECT {_KEY}, sum(sign), sum(sign * orders), sum(sign * net_amount) FROM (%s) moved
  GROUP BY {_KEY} HAVING sum(sign) <> 0 OR sum(sign * orders) <> 0 OR sum(sign * net_amount) <> 0 ORDER BY {_KEY}
  ON CONFLICT ({_KEY}) DO UPDATE SET customers = segmentation_labeltally.customers + excluded.customers,
    orders = segmentation_labeltally.orders + excluded.orders,
    net_amount = segmentation_labeltally.net_amount + excluded.net_amount"""  # noqa: S608  our own words
_ROWS = f"SELECT %s AS sign, {_KEY}, orders, net_amount FROM %s"  # noqa: S608
_PLUS, _MINUS = _ROWS % ("1", "fresh"), _ROWS % ("-1", "gone")


def _tally(what: str, event: str, tables: str, rows: str) -> str:
    return f"""
CREATE FUNCTION segmentation_facts_{what}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_ADD % rows}; RETURN NULL;
END $$;
CREATE TRIGGER segmentation_facts_{what} AFTER {event} ON customers_customerfacts REFERENCING {tables}
  FOR EACH STATEMENT EXECUTE FUNCTION segmentation_facts_{what}();
"""


_TALLY = (
    _tally("came", "INSERT", "NEW TABLE AS fresh", _PLUS)
    + _tally("went", "DELETE", "OLD TABLE AS gone", _MINUS)
    + _tally("changed", "UPDATE", "NEW TABLE AS fresh OLD TABLE AS gone", f"{_PLUS} UNION ALL {_MINUS}")
    + _ADD % (_ROWS % ("1", "customers_customerfacts"))
    + ";"
)

FORWARD = (
    _watch("orders_order", "customer_id shop_id paid_on paid_amount refunded_amount")
    + _watch("orders_refund", "customer_id shop_id order_id amount refunded_on")
    + _PEOPLE
    + _TALLY
)
BACKWARD = (
    _forget("orders_order")
    + _forget("orders_refund")
    + _FORGET_PEOPLE
    + _forget("customers_customerfacts").replace("segmentation_customers_customerfacts", "segmentation_facts")
)


class Migration(migrations.Migration):
    dependencies = [
        ("segmentation", "0004_growth_months"),
        ("orders", "0003_catalogue"),
        ("customers", "0007_without_last_order_at"),
    ]

    operations = [
        migrations.AddField(
            model_name="touched",
            name="run_id",
            field=models.BigIntegerField(help_text="The full run that saw it when it began.", null=True),
        ),
        migrations.RemoveField(model_name="runpart", name="counts"),
        migrations.CreateModel(
            name="LabelTally",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "book",
                        "group",
                        "stage",
                        "r_score",
                        "f_score",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("book", models.CharField(max_length=40)),
                ("group", models.CharField(max_length=20)),
                ("stage", models.CharField(max_length=10)),
                ("r_score", models.SmallIntegerField()),
                ("f_score", models.SmallIntegerField()),
                ("customers", models.BigIntegerField()),
                ("orders", models.BigIntegerField()),
                ("net_amount", models.DecimalField(decimal_places=2, max_digits=20)),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
