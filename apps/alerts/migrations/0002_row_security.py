"""The database keeps organisations apart by itself (ADR 27)."""

from django.db import migrations

from apps.core.row_security import rows_of_organisation, rows_of_parent


class Migration(migrations.Migration):
    dependencies = [("alerts", "0001_initial")]

    operations = [
        rows_of_organisation("alerts_alert"),
        rows_of_parent("alerts_delivery", "alerts_alert", "alert_id"),
    ]
