"""`samples.aicr.local/fail`: ends with status 1."""

import sys

if __name__ == "__main__":
    sys.exit("this image always fails")
