from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0007_without_last_order_at"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(
                condition=models.Q(("city", ""), _negated=True), fields=["city"], include=("id",), name="customer_city"
            ),
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(
                condition=models.Q(("birthday__isnull", False)),
                fields=["birthday"],
                include=("id",),
                name="customer_birthday",
            ),
        ),
    ]
