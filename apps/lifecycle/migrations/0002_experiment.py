"""A training run becomes an experiment: what it was run on, what it compared and what the gates said."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def _keep_datasets(apps: Any, schema_editor: Any) -> None:
    # Or the rows changed here would wait to be checked, and the table could not be altered before that.
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    experiments = apps.get_model("lifecycle", "Experiment")
    for experiment in experiments.objects.all():
        experiment.candidates = ["engine"]
        if experiment.requested_by_id is None:
            experiment.trigger = "cases"
        experiment.save(update_fields=["candidates", "trigger"])
        if experiment.dataset_id is not None:
            experiment.datasets.add(experiment.dataset_id)


class Migration(migrations.Migration):
    dependencies = [
        ("lifecycle", "0001_initial"),
        ("datasets", "0002_withdrawn"),
        ("knowledge", "0004_local_findings"),
        ("registry", "0004_release_append_only"),
    ]

    operations = [
        migrations.RenameModel("TrainingRun", "Experiment"),
        migrations.RemoveConstraint("Experiment", "one_training_at_a_time"),
        migrations.AlterField(
            "Experiment",
            "state",
            models.CharField(
                choices=[
                    ("pending", "waiting"),
                    ("running", "running"),
                    ("succeeded", "done"),
                    ("failed", "failed"),
                    ("cancelled", "cancelled"),
                ],
                default="pending",
                max_length=10,
            ),
        ),
        migrations.AddField(
            "Experiment",
            "trigger",
            models.CharField(
                choices=[
                    ("person", "a person"),
                    ("cases", "newly confirmed cases"),
                    ("data", "new data"),
                    ("drift", "drift or degradation"),
                    ("knowledge", "a new release of knowledge"),
                    ("erasure", "somebody in the data was erased"),
                ],
                default="person",
                max_length=10,
            ),
        ),
        migrations.AddField("Experiment", "takes_confirmed", models.BooleanField(default=True)),
        migrations.AddField(
            "Experiment",
            "datasets",
            models.ManyToManyField(related_name="experiments", to="datasets.datasetversion"),
        ),
        migrations.AddField(
            "Experiment",
            "evaluation",
            models.ManyToManyField(related_name="judged", to="datasets.datasetversion"),
        ),
        migrations.AddField(
            "Experiment",
            "release",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="experiments",
                to="knowledge.knowledgerelease",
            ),
        ),
        migrations.AddField("Experiment", "candidates", models.JSONField(default=list)),
        migrations.AddField("Experiment", "seed", models.PositiveIntegerField(default=0)),
        migrations.AddField("Experiment", "trials", models.PositiveSmallIntegerField(default=10)),
        migrations.AddField("Experiment", "folds", models.PositiveSmallIntegerField(default=5)),
        migrations.AddField("Experiment", "cancel_asked_at", models.DateTimeField(null=True)),
        migrations.AddField("Experiment", "comparison", models.JSONField(null=True)),
        migrations.AddField("Experiment", "record", models.JSONField(default=dict)),
        migrations.AddField(
            "Experiment",
            "gates",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="experiments",
                to="registry.gatereport",
            ),
        ),
        migrations.AlterField(
            "Experiment",
            "model",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="experiments",
                to="registry.modelversion",
            ),
        ),
        migrations.RunPython(_keep_datasets, migrations.RunPython.noop),
        migrations.RemoveField("Experiment", "dataset"),
        migrations.AddConstraint(
            "Experiment",
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(("state__in", ["pending", "running"])),
                name="one_experiment_at_a_time",
            ),
        ),
    ]
