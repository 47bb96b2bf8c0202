"""Judge runs that were saved: `python -m tests.support.validators FOLDER...`."""

import sys

from tests.support.judging import main

sys.exit(main(sys.argv[1:]))
