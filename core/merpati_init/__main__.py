"""`python -m merpati_init`: secrets, certificates, roles, migrations; safe to run at every start."""

from __future__ import annotations

import sys

from merpati.platform import settings as settings_module
from merpati.platform import telemetry
from merpati.platform.errors import Invalid
from merpati_init.certificates import make_certificates
from merpati_init.migrate import make_database, make_roles, migrate
from merpati_init.secrets import make_secrets


def main(arguments: list[str]) -> None:
    settings = settings_module.load()
    telemetry.configure("init", settings.log_level)
    if "database" not in arguments:
        make_secrets(settings)
        make_certificates(settings)
    if "secrets" not in arguments:  # the embedded Postgres is made with a secret, so the two can run apart
        make_database(settings)
        make_roles(settings)
        migrate(settings)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Invalid as error:
        sys.exit(str(error))  # the launcher shows this line
