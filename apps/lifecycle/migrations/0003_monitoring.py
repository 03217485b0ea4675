"""Watching the running model: the policy, reports, checks, and what started experiments (ADR 50)."""

from typing import Any

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import apps.core.identifiers
from apps.core.append_only import append_only


def _make_policy(apps: Any, schema_editor: Any) -> None:
    """The one row, with the defaults, so that the administration has something to show."""
    apps.get_model("lifecycle", "MonitoringPolicy").objects.get_or_create(number=1)


class Migration(migrations.Migration):
    dependencies = [
        ("lifecycle", "0002_experiment"),
        ("registry", "0005_release_of_the_proposed_model"),
    ]

    operations = [
        migrations.CreateModel(
            name="MonitoringPolicy",
            fields=[
                (
                    "number",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "current_size",
                    models.PositiveIntegerField(
                        default=200,
                        help_text="The last so many predictions, one of each case. A report is made whenever so many are new.",
                        validators=[
                            django.core.validators.MinValueValidator(50),
                            django.core.validators.MaxValueValidator(5000),
                        ],
                        verbose_name="current window, in predictions",
                    ),
                ),
                (
                    "current_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Instead: all of the last so many days, at most 5,000 predictions. Empty: by number.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(365),
                        ],
                        verbose_name="current window, in days",
                    ),
                ),
                (
                    "reference_size",
                    models.PositiveIntegerField(
                        default=1000,
                        help_text="The first so many predictions of the reference, with which the current ones are compared.",
                        validators=[
                            django.core.validators.MinValueValidator(50),
                            django.core.validators.MaxValueValidator(5000),
                        ],
                        verbose_name="reference, in predictions",
                    ),
                ),
                (
                    "reference_since",
                    models.DateTimeField(
                        blank=True,
                        help_text="Empty: when the running model was released, and only its own predictions. A moment: all predictions from then on, also those of other models.",
                        null=True,
                        verbose_name="reference begins at",
                    ),
                ),
                (
                    "outcomes_size",
                    models.PositiveIntegerField(
                        default=200,
                        help_text="Outcomes come late, so they have a window of their own: the last so many confirmed cases.",
                        validators=[
                            django.core.validators.MinValueValidator(20),
                            django.core.validators.MaxValueValidator(5000),
                        ],
                        verbose_name="window of outcomes, in confirmed cases",
                    ),
                ),
                (
                    "skew_sample",
                    models.PositiveSmallIntegerField(
                        default=20,
                        help_text="Of each window, with the stored model, to compare serving with training. 0: none.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(200),
                        ],
                        verbose_name="predictions computed again",
                    ),
                ),
                (
                    "alpha",
                    models.FloatField(
                        default=0.02,
                        help_text="In a window without any change, of all input tests together, and of all tests of outcomes.",
                        validators=[
                            django.core.validators.MinValueValidator(0.0001),
                            django.core.validators.MaxValueValidator(0.2),
                        ],
                        verbose_name="chance of a false alarm",
                    ),
                ),
                (
                    "least_shift",
                    models.FloatField(
                        default=0.1,
                        help_text="Of ages, numbers of findings, probabilities, sex, calibration: 0.1 is 10 percentage points.",
                        validators=[
                            django.core.validators.MinValueValidator(0.01),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="shift of a distribution that matters",
                    ),
                ),
                (
                    "least_share",
                    models.FloatField(
                        default=0.05,
                        help_text="Of a finding, of incomplete data, of top-1 and top-10: 0.05 is 5 percentage points.",
                        validators=[
                            django.core.validators.MinValueValidator(0.01),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="change of a share that matters",
                    ),
                ),
                (
                    "least_predictions",
                    models.PositiveIntegerField(
                        default=100,
                        help_text="On each side; with fewer a check says that there is not enough evidence.",
                        validators=[
                            django.core.validators.MinValueValidator(20),
                            django.core.validators.MaxValueValidator(5000),
                        ],
                        verbose_name="least number of predictions",
                    ),
                ),
                (
                    "least_outcomes",
                    models.PositiveIntegerField(
                        default=50,
                        help_text="On each side, also of each group of patients.",
                        validators=[
                            django.core.validators.MinValueValidator(20),
                            django.core.validators.MaxValueValidator(5000),
                        ],
                        verbose_name="least number of outcomes",
                    ),
                ),
                (
                    "training_days",
                    models.FloatField(
                        default=180.0,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(3650),
                        ],
                        verbose_name="age of the model that alarms, in days",
                    ),
                ),
                (
                    "knowledge_days",
                    models.FloatField(
                        default=365.0,
                        help_text="HPO has a release every one or two months.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(3650),
                        ],
                        verbose_name="age of its knowledge that alarms, in days",
                    ),
                ),
                (
                    "p99_ms",
                    models.FloatField(
                        default=100.0,
                        help_text="Of the engine, the 99th percentile.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(60000),
                        ],
                        verbose_name="time of an answer that alarms, in milliseconds",
                    ),
                ),
                (
                    "error_share",
                    models.FloatField(
                        default=0.01,
                        help_text="Calls that the service could not answer: 0.01 is one in a hundred.",
                        validators=[
                            django.core.validators.MinValueValidator(0.0001),
                            django.core.validators.MaxValueValidator(0.5),
                        ],
                        verbose_name="share of failed calls that alarms",
                    ),
                ),
                (
                    "skew",
                    models.FloatField(
                        default=0.0001,
                        help_text="Largest difference of a probability that was computed again.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(0.1),
                        ],
                        verbose_name="difference between serving and training that alarms",
                    ),
                ),
                (
                    "starts_on_drift",
                    models.BooleanField(default=True, verbose_name="drift starts an experiment"),
                ),
                (
                    "starts_on_quality",
                    models.BooleanField(default=False, verbose_name="worse data start an experiment"),
                ),
                (
                    "starts_on_outcomes",
                    models.BooleanField(default=True, verbose_name="worse outcomes start an experiment"),
                ),
                (
                    "starts_on_staleness",
                    models.BooleanField(default=True, verbose_name="age of the model starts an experiment"),
                ),
                (
                    "starts_on_knowledge",
                    models.BooleanField(default=True, verbose_name="new knowledge starts an experiment"),
                ),
                (
                    "starts_on_erasure",
                    models.BooleanField(
                        default=True,
                        help_text="When the running model learnt from somebody who was erased since.",
                        verbose_name="an erasure starts an experiment",
                    ),
                ),
                (
                    "cool_down_days",
                    models.PositiveSmallIntegerField(
                        default=7,
                        help_text="What would start one before that starts it afterwards, if it still holds.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(365),
                        ],
                        verbose_name="days between automatic experiments",
                    ),
                ),
                (
                    "tells_by_email",
                    models.BooleanField(
                        default=True,
                        help_text="To data scientists and administrators, if an SMTP server is set (EMAIL_HOST).",
                        verbose_name="alarms are told by e-mail",
                    ),
                ),
                (
                    "tells_by_webhook",
                    models.BooleanField(
                        default=True,
                        help_text="If one is set (ALERT_WEBHOOK).",
                        verbose_name="alarms are told by webhook",
                    ),
                ),
            ],
            options={
                "verbose_name": "monitoring policy",
                "verbose_name_plural": "monitoring policy",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("number", 1)), name="one_monitoring_policy")
                ],
            },
        ),
        migrations.CreateModel(
            name="MonitoringReport",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.identifiers.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("requested_by_id", models.UUIDField(null=True)),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("ok", "nothing alarms"),
                            ("alarm", "something alarms"),
                            ("insufficient_evidence", "not enough evidence"),
                        ],
                        max_length=25,
                    ),
                ),
                ("current_from", models.DateTimeField(null=True)),
                ("current_until", models.DateTimeField(null=True)),
                ("reference_from", models.DateTimeField(null=True)),
                ("reference_until", models.DateTimeField(null=True)),
                ("n_current", models.PositiveIntegerField()),
                ("n_reference", models.PositiveIntegerField()),
                ("n_outcomes", models.PositiveIntegerField()),
                ("n_refused", models.PositiveIntegerField()),
                ("n_failed", models.PositiveIntegerField()),
                ("checks", models.JSONField()),
                ("quality", models.JSONField()),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reports",
                        to="registry.modelversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="FiredTrigger",
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
                        choices=[
                            ("person", "a person"),
                            ("cases", "newly confirmed cases"),
                            ("data", "new data"),
                            ("drift", "drift or degradation"),
                            ("knowledge", "a new release of knowledge"),
                            ("erasure", "somebody in the data was erased"),
                        ],
                        max_length=10,
                    ),
                ),
                ("cause", models.CharField(max_length=250, unique=True)),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="triggers",
                        to="lifecycle.experiment",
                    ),
                ),
                (
                    "report",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="triggers",
                        to="lifecycle.monitoringreport",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="MonitoringCheck",
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
                (
                    "result",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="lifecycle.monitoringreport",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        models.Value(1),
                        condition=models.Q(("state__in", ["pending", "running"])),
                        name="one_monitoring_check_at_a_time",
                    )
                ],
            },
        ),
        append_only("lifecycle_monitoringreport"),
        append_only("lifecycle_firedtrigger"),
        migrations.RunPython(_make_policy, migrations.RunPython.noop),
    ]
