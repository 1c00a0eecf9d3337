"""The search box finds Chinese names by any two of their characters; lists of a value group start where it starts."""

import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.db import migrations, models

import crm_suite.lib.letters


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0003_points_ledger"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="customer",
            index=django.contrib.postgres.indexes.GinIndex(
                crm_suite.lib.letters.Letters(django.db.models.functions.text.Upper("name")),
                condition=models.Q(("name__regex", "[^ -~]")),
                name="customer_name_letters",
            ),
        ),
        migrations.RemoveIndex(
            model_name="customerfacts",
            name="customers_c_book_9d9f0e_idx",
        ),
        migrations.AddIndex(
            model_name="customerfacts",
            index=models.Index(fields=["book", "group", "last_paid_on"], name="customers_c_book_812b1f_idx"),
        ),
    ]
