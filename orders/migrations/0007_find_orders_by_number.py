from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0006_indexes_of_rules")]

    operations = [
        migrations.RemoveConstraint(model_name="order", name="order_number_once_per_shop"),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(fields=("external_id", "shop"), name="order_number_once_per_shop"),
        ),
    ]
