"""Expand: columns for ciphertext, and a table of keys."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cases", "0003_uncertain_finding")]

    operations = [
        migrations.CreateModel(
            name="PatientKey",
            fields=[
                (
                    "patient",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="key",
                        serialize=False,
                        to="cases.patient",
                    ),
                ),
                ("master_key", models.CharField(max_length=40)),
                ("born_under", models.CharField(max_length=40)),
                ("wrapped", models.BinaryField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["master_key"], name="patient_key_master"),
                    models.Index(fields=["born_under"], name="patient_key_born_under"),
                ],
            },
        ),
        # The backfill empties it row by row.
        migrations.AlterField("patient", "pseudonym", models.CharField(max_length=80, null=True)),
        migrations.AddField("case", "sealed_note", models.BinaryField(default=b"")),
        migrations.AddField("patient", "sealed_name", models.BinaryField(default=b"")),
        migrations.AddField("patient", "sealed_identifier", models.BinaryField(default=b"")),
        migrations.AddField("patient", "identifier_index", models.BinaryField(max_length=32, null=True)),
        migrations.AddField("patient", "sealed_contact", models.BinaryField(default=b"")),
        migrations.AddField("patient", "sealed_pseudonym", models.BinaryField(null=True)),
        migrations.AddField("patient", "pseudonym_index", models.BinaryField(max_length=32, null=True)),
        migrations.AddIndex(
            "patient", models.Index(fields=["identifier_index"], name="patient_identifier_index")
        ),
        migrations.AddConstraint(
            "patient",
            models.UniqueConstraint(
                fields=("organisation", "pseudonym_index"), name="patient_pseudonym_once"
            ),
        ),
    ]
