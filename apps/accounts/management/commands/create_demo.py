"""`manage.py create_demo --credentials FILE --url URL`"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from apps.accounts.demo import create_demo


class Command(BaseCommand):
    help = "Make the demo organisation with one account per role; a second time it only brings the address up to date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--credentials", type=Path, required=True)
        parser.add_argument("--url", required=True)

    def handle(self, *args: Any, credentials: Path, url: str, **options: Any) -> None:
        made = create_demo(credentials=credentials, url=url)
        self.stdout.write("Demo accounts made" if made else "Demo accounts are there already")
