"""Whoever answers for the model or for the organisation may choose the prior."""

from django.db import migrations

from apps.accounts.granting import grant_capabilities


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_roles")]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [
                    ("admin.access", "Open the administration"),
                    ("audit.read", "Read the audit trail"),
                    ("case.read", "Read the cases of one's care team"),
                    ("case.write", "Enter and change cases"),
                    ("feedback.write", "Record outcomes"),
                    ("knowledge.read", "Look up findings and diseases"),
                    ("model.read", "See models and training runs"),
                    ("model.train", "Ask for a retraining"),
                    ("prediction.create", "Ask for a differential diagnosis"),
                    ("prediction.read", "Read the prediction history"),
                    ("prior.write", "Choose the prior and enter the clinic's case mix"),
                    ("privacy.read", "See retention runs"),
                    ("privacy.purge", "Delete what is past its retention"),
                    ("account.self", "Use one's own account"),
                ],
                "verbose_name": "user",
                "verbose_name_plural": "users",
            },
        ),
        grant_capabilities(
            {
                "prior.write": (
                    "Choose the prior and enter the clinic's case mix",
                    ("administrator", "data_scientist"),
                )
            }
        ),
    ]
