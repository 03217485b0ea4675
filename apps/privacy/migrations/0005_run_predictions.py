"""Sweeps count the predictions without a case, too (ADR 38)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("privacy", "0004_access_archive"),
    ]

    operations = [
        migrations.AddField(
            model_name="retentionrun",
            name="n_predictions",
            field=models.PositiveIntegerField(default=0, help_text="deleted ones that belonged to no case"),
        ),
    ]
