"""Models and migrations say the same."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_a_planted_field_without_a_migration_is_found() -> None:
    shop = apps.get_model("customers", "Shop")
    field: models.CharField[str, str] = models.CharField(max_length=10, default="")
    field.contribute_to_class(shop, "planted")
    try:
        with pytest.raises(SystemExit):
            call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    finally:
        shop._meta.local_fields.remove(field)
        shop._meta._expire_cache()
        del shop.planted
