from django.db import migrations, models

WORDS = [("given", "Given"), ("refused", "Refused or taken back")]
# What is known on the day of the upgrade; from then on `services.refresh_reach` writes it.
FILL = """
UPDATE customers_customerfacts f SET {channel}_consent = CASE WHEN said.granted THEN 'given' ELSE 'refused' END
FROM (SELECT DISTINCT ON (customer_id) customer_id, granted FROM customers_consent WHERE channel = '{channel}'
      ORDER BY customer_id, occurred_at DESC, id DESC) said
WHERE said.customer_id = f.customer_id
"""


def _word() -> models.CharField:
    return models.CharField(blank=True, choices=WORDS, db_default="", max_length=7)


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0008_indexes_of_rules"),
    ]

    operations = [
        migrations.AddField(model_name="customerfacts", name="email_consent", field=_word()),
        migrations.AddField(model_name="customerfacts", name="sms_consent", field=_word()),
        migrations.RunSQL(FILL.format(channel="email"), migrations.RunSQL.noop),
        migrations.RunSQL(FILL.format(channel="sms"), migrations.RunSQL.noop),
    ]
