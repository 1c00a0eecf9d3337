import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0008_indexes_of_rules"),
        ("orders", "0005_list_orders"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="order",
            name="order_paid_on",
        ),
        migrations.AlterField(
            model_name="orderline",
            name="product",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="lines",
                to="orders.product",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("paid_on__isnull", False)),
                fields=["paid_on", "shop"],
                include=("id", "customer", "paid_amount", "refunded_amount"),
                name="order_paid_on",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(
                    ("customer__isnull", False),
                    ("paid_on__isnull", False),
                    models.Q(
                        ("paid_amount__gt", 0),
                        ("refunded_amount__gt", 0),
                        ("refunded_amount__gte", models.F("paid_amount")),
                        _negated=True,
                    ),
                ),
                fields=["id", "customer", "paid_on"],
                name="order_counts",
            ),
        ),
        migrations.AddIndex(
            model_name="orderline",
            index=models.Index(fields=["product", "order"], name="line_by_product"),
        ),
    ]
