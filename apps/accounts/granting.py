"""Giving a new capability to roles that are there already."""

from collections.abc import Mapping
from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def grant_capabilities(granted: Mapping[str, tuple[str, tuple[str, ...]]]) -> migrations.RunPython:
    """Operation that makes each capability, codename -> (its name, names of the roles that get it), and gives it away.

    A role that the administrators have deleted is passed over. Backwards nothing is taken away, for they may have
    given the capability to others.
    """

    def grant(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        content_types: Any = apps.get_model("contenttypes", "ContentType").objects
        permissions: Any = apps.get_model("auth", "Permission").objects
        groups: Any = apps.get_model("auth", "Group").objects
        content_type, _ = content_types.get_or_create(app_label="accounts", model="user")
        for codename, (name, roles) in granted.items():
            permission, _ = permissions.get_or_create(
                content_type=content_type, codename=codename, defaults={"name": name}
            )
            for group in groups.filter(name__in=roles):
                group.permissions.add(permission)

    return migrations.RunPython(grant, migrations.RunPython.noop)
