"""`manage.py migrate`, as the role that owns the tables."""

from typing import Any

from django.core.management.commands.migrate import Command as DjangoMigrate

from apps.core.ownership import owner_connection


class Command(DjangoMigrate):
    help = DjangoMigrate.help + " Connects with MIGRATION_DATABASE_URL."

    def handle(self, *args: Any, **options: Any) -> None:
        with owner_connection():
            super().handle(*args, **options)
