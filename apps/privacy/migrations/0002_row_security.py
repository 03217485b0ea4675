"""The database keeps organisations apart by itself (ADR 27)."""

from django.db import migrations

from apps.core.row_security import rows_of_organisation


class Migration(migrations.Migration):
    dependencies = [("privacy", "0001_initial")]

    operations = [
        rows_of_organisation("privacy_retentionrun"),
    ]
