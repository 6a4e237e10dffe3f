"""`python -m merpati_smtp`: SMTP in, on the ports for other servers and for our users."""

from merpati.platform import service
from merpati_smtp.service import main

if __name__ == "__main__":
    service.run("smtp", main)
