"""Privacy officers may erase a patient."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def grant(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    ContentType: Any = apps.get_model("contenttypes", "ContentType")
    Permission: Any = apps.get_model("auth", "Permission")
    Group: Any = apps.get_model("auth", "Group")
    content_type, _ = ContentType.objects.get_or_create(app_label="accounts", model="user")
    permission, _ = Permission.objects.get_or_create(
        content_type=content_type, codename="privacy.erase", defaults={"name": "Erase a patient"}
    )
    for group in Group.objects.filter(name="privacy_officer"):
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_emergency")]

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
                    ("prediction.create", "Ask for a differential diagnosis"),
                    ("prediction.read", "Read the prediction history"),
                    ("prior.write", "Choose the prior and enter the clinic's case mix"),
                    ("privacy.read", "See retention runs"),
                    ("privacy.purge", "Delete what is past its retention"),
                    ("privacy.erase", "Erase a patient"),
                    ("account.self", "Use one's own account"),
                ],
                "verbose_name": "user",
                "verbose_name_plural": "users",
            },
        ),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
