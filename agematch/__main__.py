"""`python -m agematch` is the command line."""

import sys

from agematch.cli import main

if __name__ == "__main__":
    sys.exit(main())
