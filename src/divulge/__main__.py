"""`python -m divulge` is the command `divulge`."""

import sys

from divulge.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
