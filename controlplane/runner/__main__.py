"""`python -m controlplane.runner HOME`: started by servers, not by people."""

import sys

from controlplane.runner.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
