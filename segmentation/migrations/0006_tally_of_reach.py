"""The tally also tells who may get e-mail and SMS: rules about labels are then counted without looking at customers."""

from django.db import migrations, models

_KEY = 'book, "group", stage, r_score, f_score, email_ok, sms_ok'
_ADD = f"""
  INSERT INTO segmentation_labeltally ({_KEY}, customers, orders, net_amount)
  SELECT {_KEY}, sum(sign), sum(sign * orders), sum(sign * net_amount) FROM (%s) moved
  GROUP BY {_KEY} HAVING sum(sign) <> 0 OR sum(sign * orders) <> 0 OR sum(sign * net_amount) <> 0 ORDER BY {_KEY}
  ON CONFLICT ({_KEY}) DO UPDATE SET customers = segmentation_labeltally.customers + excluded.customers,
    orders = segmentation_labeltally.orders + excluded.orders,
    net_amount = segmentation_labeltally.net_amount + excluded.net_amount"""  # noqa: S608  our own words
_ROWS = f"SELECT %s AS sign, {_KEY}, orders, net_amount FROM %s"  # noqa: S608
_PLUS, _MINUS = _ROWS % ("1", "fresh"), _ROWS % ("-1", "gone")
# Nobody may change facts between the count of all and the triggers that keep it.
_HOLD = "LOCK TABLE customers_customerfacts IN SHARE ROW EXCLUSIVE MODE;"
_COUNT_ALL = f"TRUNCATE segmentation_labeltally; {_ADD % (_ROWS % ('1', 'customers_customerfacts'))};"


def _counts(what: str, rows: str) -> str:
    return f"""
CREATE OR REPLACE FUNCTION segmentation_facts_{what}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN {_ADD % rows}; RETURN NULL; END $$;
"""


_FORWARD = (
    _counts("came", _PLUS) + _counts("went", _MINUS) + _counts("changed", f"{_PLUS} UNION ALL {_MINUS}") + _COUNT_ALL
)


class Migration(migrations.Migration):
    dependencies = [("segmentation", "0005_touched_by_triggers"), ("customers", "0009_consent_words")]

    operations = [
        migrations.RunSQL(_HOLD, migrations.RunSQL.noop),
        migrations.DeleteModel("LabelTally"),
        migrations.CreateModel(
            name="LabelTally",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "book", "group", "stage", "r_score", "f_score", "email_ok", "sms_ok",
                        blank=True, editable=False, primary_key=True, serialize=False,
                    ),
                ),
                ("book", models.CharField(max_length=40)),
                ("group", models.CharField(max_length=20)),
                ("stage", models.CharField(max_length=10)),
                ("r_score", models.SmallIntegerField()),
                ("f_score", models.SmallIntegerField()),
                ("email_ok", models.BooleanField()),
                ("sms_ok", models.BooleanField()),
                ("customers", models.BigIntegerField()),
                ("orders", models.BigIntegerField()),
                ("net_amount", models.DecimalField(decimal_places=2, max_digits=20)),
            ],
        ),
        migrations.RunSQL(_FORWARD, migrations.RunSQL.noop),
    ]  # fmt: skip
