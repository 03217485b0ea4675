"""Which model scores beside what answers (ADR 51)."""

import django.db.models.deletion
from django.db import migrations, models

import apps.core.identifiers
from apps.core.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0005_release_of_the_proposed_model"),
    ]

    operations = [
        migrations.CreateModel(
            name="Shadow",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("is_on", models.BooleanField()),
                ("set_by_id", models.UUIDField()),
                ("reason", models.CharField(max_length=500)),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="shadows",
                        to="registry.modelversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        append_only("registry_shadow"),
    ]
