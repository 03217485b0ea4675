"""Who sees and who changes sources of data and datasets."""

from django.db import migrations

from apps.accounts.granting import grant_capabilities


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_model_release"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [
                    ("admin.access", "Open the administration"),
                    ("audit.read", "Read the audit trail"),
                    ("case.read", "Read the cases of one's care team"),
                    ("case.write", "Enter and change cases"),
                    ("dataset.read", "See sources of data, their reports and datasets"),
                    ("dataset.write", "Configure sources, ingest data and decide on quarantined ones"),
                    ("emergency.open", "Open one patient’s cases in an emergency"),
                    ("emergency.review", "Review emergency access"),
                    ("feedback.write", "Record outcomes"),
                    ("knowledge.read", "Look up findings and diseases"),
                    ("model.read", "See models and training runs"),
                    ("model.train", "Ask for a retraining"),
                    ("model.propose", "Propose a model for release"),
                    ("model.approve", "Decide which model answers"),
                    ("prediction.create", "Ask for a differential diagnosis"),
                    ("prediction.read", "Read the prediction history"),
                    ("prior.write", "Choose the prior and enter the clinic's case mix"),
                    ("privacy.read", "See retention runs"),
                    ("privacy.purge", "Delete what is past its retention"),
                    ("privacy.export", "Make a patient’s archive of his data"),
                    ("privacy.erase", "Erase a patient"),
                    ("privacy.hold", "Place and lift legal holds and restrictions of processing"),
                    ("privacy.research", "Make de-identified exports for research"),
                    ("account.self", "Use one's own account"),
                ],
                "verbose_name": "user",
                "verbose_name_plural": "users",
            },
        ),
        grant_capabilities(
            {
                "dataset.read": (
                    "See sources of data, their reports and datasets",
                    ("data_scientist", "auditor", "administrator"),
                ),
                "dataset.write": (
                    "Configure sources, ingest data and decide on quarantined ones",
                    ("data_scientist",),
                ),
            }
        ),
    ]
