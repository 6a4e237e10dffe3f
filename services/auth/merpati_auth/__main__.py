"""`python -m merpati_auth`: the auth service."""

from merpati.platform import service
from merpati_auth.server import main

if __name__ == "__main__":
    service.run("auth", main)
