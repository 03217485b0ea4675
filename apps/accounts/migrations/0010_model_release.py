"""Two people release a model: one proposes it, another one decides."""

from django.db import migrations

from apps.accounts.granting import grant_capabilities


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_privacy_research"),
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
                "model.propose": ("Propose a model for release", ("data_scientist",)),
                "model.approve": ("Decide which model answers", ("data_scientist", "administrator")),
                "model.read": ("See models and training runs", ("administrator",)),
            }
        ),
    ]
