"""Roles and migrations: brings the database to this version's schema."""

from __future__ import annotations

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import create_engine, text

from merpati.platform.db import conninfo
from merpati.platform.settings import Settings
from merpati_init.secrets import ROLES

_MIGRATION_LOCK = 7_236_011  # any constant: two inits at once take turns


def make_database(settings: Settings) -> None:
    """Make the database in a cluster that was only just made."""
    try:
        psycopg.connect(conninfo(settings, "owner")).close()
        return
    except psycopg.OperationalError:  # it does not exist, or nothing answers: then the next attempt says so
        server = psycopg.conninfo.make_conninfo(conninfo(settings, "owner"), dbname="postgres")
    with psycopg.connect(server, autocommit=True) as conn:
        name = settings.database_name
        if not conn.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).rowcount:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def make_roles(settings: Settings) -> None:
    """Make each service's role, or set its password to the secret's."""
    with psycopg.connect(conninfo(settings, "owner"), autocommit=True) as conn:
        known = {name for (name,) in conn.execute("SELECT rolname FROM pg_roles")}
        for role in ROLES:
            name = f"merpati_{role}"
            verb = sql.SQL("ALTER") if name in known else sql.SQL("CREATE")
            conn.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                    verb, sql.Identifier(name), sql.Literal(settings.secret(f"postgres_{role}"))
                )
            )


def migrate(settings: Settings) -> None:
    """Run the migrations that this database has not seen."""
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo(settings, "owner"))
    )
    config = Config()
    config.set_main_option("script_location", "merpati_init:")
    config.set_main_option("path_separator", "os")
    with engine.connect() as connection, connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()
