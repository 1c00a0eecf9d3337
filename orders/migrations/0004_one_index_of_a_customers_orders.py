from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_catalogue")]

    operations = [
        migrations.RemoveIndex(model_name="order", name="orders_orde_custome_7b68ab_idx"),
        migrations.RemoveIndex(model_name="order", name="order_purchases"),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=Q(customer__isnull=False),
                fields=["customer", "paid_on"],
                include=("net_amount", "shop", "paid_amount", "refunded_amount"),
                name="order_purchases",
            ),
        ),
        migrations.RemoveIndex(model_name="order", name="order_paid_on"),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=Q(paid_on__isnull=False),
                fields=["paid_on", "shop"],
                include=("customer", "paid_amount", "refunded_amount"),
                name="order_paid_on",
            ),
        ),
    ]
