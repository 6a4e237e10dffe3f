"""The worker: one table of jobs, leased in Postgres."""
