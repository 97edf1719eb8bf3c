"""`python -m aicr`."""

import sys

from aicr.cli.main import main

sys.exit(main())
