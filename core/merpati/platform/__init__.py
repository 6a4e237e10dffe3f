"""Settings, errors, database, events, TLS, logging and the life of a process: no mail in here."""
