"""De-identified exports for research."""

import django.db.models.deletion
from django.db import migrations, models

import apps.core.identifiers
from apps.core.row_security import rows_of_organisation


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_privacy_research"),
        ("privacy", "0007_denied_patients"),
    ]

    operations = [
        migrations.AlterField(
            model_name="erasure",
            name="files",
            field=models.JSONField(
                default=list,
                help_text="names of the files of training cases and exports for research that were deleted",
            ),
        ),
        migrations.CreateModel(
            name="ResearchExport",
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
                ("study", models.CharField(max_length=200)),
                ("k", models.PositiveSmallIntegerField()),
                (
                    "small_cells",
                    models.CharField(
                        choices=[
                            (
                                "withhold",
                                "not named: the diagnosis is withheld, findings are named more generally",
                            ),
                            ("keep", "named as recorded, which may tell who a patient is"),
                        ],
                        max_length=8,
                    ),
                ),
                ("n_patients", models.PositiveIntegerField(default=0)),
                ("content", models.BinaryField(default=b"")),
                ("expires_at", models.DateTimeField(null=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "abstract": False,
            },
        ),
        rows_of_organisation("privacy_researchexport"),
    ]
