"""`python -m config.local run|test`."""

import sys

from config.local.cli import main

sys.exit(main())
