"""For how long each organisation keeps data (ADR 38)."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import apps.core.identifiers
from apps.core.row_security import rows_of_organisation


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_privacy_hold"),
        ("cases", "0012_hold"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RetentionPolicy",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("case_days", models.PositiveIntegerField(help_text="after a case was last changed")),
                (
                    "prediction_days",
                    models.PositiveIntegerField(
                        help_text="after a prediction that belongs to no case was made"
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
                    "set_by",
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
                "indexes": [models.Index(fields=["organisation", "-id"], name="retention_policy_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("case_days__range", (1, 36500)), ("prediction_days__range", (1, 36500))
                        ),
                        name="retention_policy_bounds",
                    )
                ],
            },
        ),
        rows_of_organisation("cases_retentionpolicy"),
    ]
