import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

WITHOUT_KEYS = """
UPDATE touchpoints_touchpoint SET dedupe_key = NULL
WHERE order_id IS NOT NULL AND dedupe_key = 'order:' || order_id || ':' || substr(kind, 7)
"""
WITH_KEYS = """
UPDATE touchpoints_touchpoint SET dedupe_key = 'order:' || order_id || ':' || substr(kind, 7) WHERE dedupe_key IS NULL
"""


class Migration(migrations.Migration):
    """A step of an order is known by its order and kind, no longer by a text of its own."""

    dependencies = [("orders", "0003_catalogue"), ("touchpoints", "0002_lean_log")]

    operations = [
        migrations.RemoveIndex(model_name="touchpoint", name="touchpoints_stage_dc5d02_idx"),
        migrations.AlterField(
            model_name="touchpoint",
            name="dedupe_key",
            field=models.CharField(blank=True, max_length=120, null=True),
        ),
        migrations.AlterField(
            model_name="touchpoint",
            name="order",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="touchpoints",
                to="orders.order",
            ),
        ),
        migrations.RunSQL(WITHOUT_KEYS, WITH_KEYS),
        migrations.AddIndex(
            model_name="touchpoint",
            index=models.Index(
                condition=~Q(stage__in=["order", "pay"]), fields=["stage", "-occurred_at"], name="tp_stage"
            ),
        ),
        migrations.AddConstraint(
            model_name="touchpoint",
            constraint=models.UniqueConstraint(
                condition=Q(dedupe_key__isnull=False), fields=("dedupe_key",), name="told_once_by_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="touchpoint",
            constraint=models.UniqueConstraint(
                condition=Q(order__isnull=False),
                fields=("order", "kind", "dedupe_key"),
                name="told_once_by_order",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="touchpoint",
            constraint=models.CheckConstraint(
                condition=Q(dedupe_key__isnull=False) | Q(order__isnull=False), name="touchpoint_is_named"
            ),
        ),
    ]
