"""Archives for patients."""

import django.db.models.deletion
from django.db import migrations, models

import apps.core.identifiers
from apps.core.row_security import rows_of_organisation


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_privacy_export"),
        ("cases", "0009_research"),
        ("privacy", "0003_erasure"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccessArchive",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "waiting"),
                            ("running", "running"),
                            ("succeeded", "done"),
                            ("failed", "failed"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("requested_by_id", models.UUIDField(null=True)),
                ("progress", models.PositiveSmallIntegerField(default=0, help_text="percent")),
                ("step", models.CharField(blank=True, max_length=200)),
                ("error", models.CharField(blank=True, max_length=500)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("language", models.CharField(max_length=8)),
                ("sealed_content", models.BinaryField(default=b"")),
                ("expires_at", models.DateTimeField(null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="cases.patient"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "abstract": False,
            },
        ),
        rows_of_organisation("privacy_accessarchive"),
    ]
