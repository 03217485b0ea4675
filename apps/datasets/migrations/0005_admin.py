"""Administrators may configure sources in Django admin."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def grant(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """As a new installation begins; a role that the administrators have deleted is passed over."""
    content_types: Any = apps.get_model("contenttypes", "ContentType").objects
    permissions: Any = apps.get_model("auth", "Permission").objects
    groups: Any = apps.get_model("auth", "Group").objects
    content_type, _ = content_types.get_or_create(app_label="datasets", model="datasource")
    for verb in ("view", "add", "change"):
        permission, _ = permissions.get_or_create(
            content_type=content_type,
            codename=f"{verb}_datasource",
            defaults={"name": f"Can {verb} data source"},
        )
        for group in groups.filter(name="administrator"):
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("datasets", "0004_row_security"), ("accounts", "0011_datasets")]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
