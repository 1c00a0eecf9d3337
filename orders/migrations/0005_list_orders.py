from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_one_index_of_a_customers_orders")]

    operations = [
        migrations.AlterModelOptions(
            name="order",
            options={
                "ordering": ["-placed_at", "-id"],
                "permissions": [
                    ("list_orders", "May browse orders"),
                    ("import_orders", "May import orders"),
                    ("export_orders", "May export orders"),
                    ("view_sales", "May see sales figures"),
                ],
            },
        ),
    ]
