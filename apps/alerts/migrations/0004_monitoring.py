"""Alerts on the running model (ADR 50)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0003_integrity"),
    ]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="resolved_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="subject",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AlterField(
            model_name="alert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("denials", "repeated denials"),
                    ("reading", "mass reading"),
                    ("emergency", "emergency access"),
                    ("sealing", "sealing of the audit trail fails"),
                    ("integrity", "the audit trail was changed"),
                    ("monitoring", "the running model drifts, fails or grows old"),
                ],
                max_length=10,
            ),
        ),
    ]
