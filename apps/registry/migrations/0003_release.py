# The evidence, proposals and decisions by which two people release a model

import django.db.models.deletion
from django.db import migrations, models

import apps.core.identifiers


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0002_append_only"),
    ]

    operations = [
        migrations.CreateModel(
            name="Decision",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("proposed_by_id", models.UUIDField()),
                ("decided_by_id", models.UUIDField()),
                ("is_approved", models.BooleanField()),
                ("reason", models.CharField(max_length=500)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="GateReport",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("results", models.JSONField(help_text="[{name, figure, threshold, verdict, reason}]")),
                ("recorded_by_id", models.UUIDField(null=True)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Proposal",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("share", models.PositiveSmallIntegerField(default=100)),
                ("proposed_by_id", models.UUIDField()),
                ("reason", models.CharField(max_length=500)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Stop",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("is_stopped", models.BooleanField()),
                ("set_by_id", models.UUIDField()),
                ("reason", models.CharField(max_length=500)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="activation",
            name="kind",
            field=models.CharField(
                choices=[
                    ("system", "by the system, as shipped"),
                    ("promotion", "released"),
                    ("canary", "canary begun"),
                    ("canary_end", "canary ended"),
                    ("rollback", "rolled back"),
                ],
                default="system",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="activation",
            name="share",
            field=models.PositiveSmallIntegerField(default=100),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="signature",
            field=models.CharField(default="", max_length=64),
        ),
        migrations.AlterField(
            model_name="activation",
            name="reason",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="activation",
            name="decision",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="activation",
                to="registry.decision",
            ),
        ),
        migrations.AddConstraint(
            model_name="activation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "canary"), ("share__gte", 1), ("share__lt", 100)),
                    models.Q(models.Q(("kind", "canary"), _negated=True), ("share", 100)),
                    _connector="OR",
                ),
                name="canary_has_a_part",
            ),
        ),
        migrations.AddConstraint(
            model_name="activation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decision__isnull", False), ("kind__in", ["promotion", "canary"])),
                    models.Q(
                        models.Q(("kind__in", ["promotion", "canary"]), _negated=True),
                        ("decision__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="released_by_a_decision",
            ),
        ),
        migrations.AddConstraint(
            model_name="activation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("activated_by_id__isnull", True), ("kind", "system")),
                    models.Q(models.Q(("kind", "system"), _negated=True), ("activated_by_id__isnull", False)),
                    _connector="OR",
                ),
                name="released_by_somebody",
            ),
        ),
        migrations.AddField(
            model_name="gatereport",
            name="model",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="gate_reports",
                to="registry.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="proposal",
            name="gates",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proposals",
                to="registry.gatereport",
            ),
        ),
        migrations.AddField(
            model_name="proposal",
            name="model",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proposals",
                to="registry.modelversion",
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="proposal",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="decision", to="registry.proposal"
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("share__gte", 1), ("share__lte", 100)),
                name="proposal_share_is_a_percentage",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.UniqueConstraint(
                fields=("id", "proposed_by_id"), name="proposal_with_its_proposer"
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(("decided_by_id", models.F("proposed_by_id")), _negated=True),
                name="decided_by_somebody_else",
            ),
        ),
    ]
