"""The spine: directory, mail, queue, and each service's own tables."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SCHEMA = Path(__file__).parent.parent / "schema"
_FILES = (
    "platform",
    "directory",
    "store",
    "store_functions",
    "queue",
    "delivery",
    "auth",
    "webmail",
    "roles",
)


def upgrade() -> None:
    for name in _FILES:
        op.get_bind().exec_driver_sql((_SCHEMA / f"{name}.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    raise RuntimeError("the first schema has nothing before it")
