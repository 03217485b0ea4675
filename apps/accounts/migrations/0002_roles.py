"""The roles that a new installation begins with. Later changes are the administrators' own."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from apps.accounts.roles import ADMIN_PERMISSIONS, CAPABILITIES, Role
from apps.core.capabilities import Capability


def write_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")

    def permission(app_label: str, model: str, codename: str, name: str) -> Any:
        content_type, _ = ContentType.objects.get_or_create(app_label=app_label, model=model)
        found, _ = Permission.objects.get_or_create(
            content_type=content_type, codename=codename, defaults={"name": name}
        )
        return found

    for role, capabilities in CAPABILITIES.items():
        group, _ = Group.objects.get_or_create(name=str(role))
        group.permissions.add(
            *(permission("accounts", "user", c.value, str(Capability(c).label)) for c in sorted(capabilities))
        )
    administrators = Group.objects.get(name=Role.ADMINISTRATOR.value)
    for app_label, codename in ADMIN_PERMISSIONS:
        model = codename.split("_", 1)[1]
        administrators.permissions.add(
            permission(app_label, model, codename, f"Can {codename.replace('_', ' ')}")
        )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(write_roles, migrations.RunPython.noop)]
