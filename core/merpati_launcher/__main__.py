"""`python -m merpati_launcher`: the launcher inside the environment it made."""

import sys

from merpati_launcher.main import main

sys.exit(main(sys.argv[1:], inside=True))
