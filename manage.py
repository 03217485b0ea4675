#!/usr/bin/env python
"""Django's command line for Hoofbeat."""

import os
import sys

from django.core.management import execute_from_command_line

from config.local.attach import attach

if __name__ == "__main__":
    attach()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute_from_command_line(sys.argv)
