"""The SMTP protocol: aiosmtpd's commands and hooks on our own transport; no policy and no mail in here."""
