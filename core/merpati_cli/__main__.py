"""`python -m merpati_cli`: the `merpati` command, apart from what the launcher does itself."""

import sys

from merpati_cli.app import main

sys.exit(main(sys.argv[1:]))
