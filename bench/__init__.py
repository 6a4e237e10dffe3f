"""Merpati measured beside Debian's Postfix and Dovecot, in one run, on one machine."""
