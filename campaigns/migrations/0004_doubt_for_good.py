"""What stays in doubt for 72 hours is in doubt for good; a late receipt may still settle it."""

import importlib

from django.db import migrations

_BEFORE = importlib.import_module("campaigns.migrations.0002_message_transitions")
_FUNCTION = _BEFORE.FORWARD.split("CREATE TRIGGER")[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
_LAST = "('unknown', 'undelivered')"
_MORE = (
    f"{_LAST}, ('unknown', 'unresolved'), ('unresolved', 'accepted'), ('unresolved', 'delivered'),"
    " ('unresolved', 'failed'), ('unresolved', 'undelivered')"
)


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0003_delivery")]
    operations = [migrations.RunSQL(_FUNCTION.replace(_LAST, _MORE), _FUNCTION)]
