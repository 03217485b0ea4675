"""Legal holds and restrictions of processing (ADR 31)."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import apps.core.identifiers
from apps.core.row_security import rows_of_organisation


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_privacy_hold"),
        ("cases", "0011_first_consent_texts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Hold",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("legal", "legal hold"), ("restriction", "restriction of processing")],
                        max_length=12,
                    ),
                ),
                ("sealed_reason", models.BinaryField()),
                ("lifted_at", models.DateTimeField(null=True)),
                ("sealed_lift_reason", models.BinaryField(default=b"")),
                (
                    "lifted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                        on_delete=django.db.models.deletion.CASCADE, related_name="holds", to="cases.patient"
                    ),
                ),
                (
                    "placed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("lifted_at__isnull", True)),
                        fields=("patient", "kind"),
                        name="hold_stands_once_a_kind",
                    )
                ],
            },
        ),
        rows_of_organisation("cases_hold"),
    ]
