import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("segmentation", "0003_engine_and_value"),
    ]

    operations = [
        migrations.CreateModel(
            name="GrowthMonth",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("book", models.CharField(max_length=40)),
                (
                    "platform",
                    models.CharField(blank=True, help_text="Empty: all platforms of the book.", max_length=20),
                ),
                ("month", models.DateField(help_text="Its first day.")),
                ("as_of", models.DateField(help_text="Local day that the figures are counted to.")),
                ("figures", models.JSONField(default=dict)),
                (
                    "first",
                    models.JSONField(help_text="As first told; none while the month has not ended.", null=True),
                ),
                ("told_at", models.DateTimeField(null=True)),
                (
                    "restated_at",
                    models.DateTimeField(help_text="When the figures of a finished month last changed.", null=True),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="segmentation.analysisrun",
                    ),
                ),
            ],
            options={
                "ordering": ["-month"],
                "constraints": [
                    models.UniqueConstraint(fields=("book", "platform", "month"), name="growth_once_a_month")
                ],
            },
        ),
    ]
