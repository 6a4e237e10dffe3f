"""Keeping the planner informed while a new installation fills: autovacuum looks once a minute, which is late.

Services plan their statements once a connection, often while tables are empty. ANALYZE makes them plan again.
"""

from __future__ import annotations

from psycopg import sql

from merpati.store.context import Context

_GROWN = """SELECT schemaname, relname FROM pg_stat_user_tables
 WHERE schemaname IN ('mail', 'queue', 'directory', 'platform')
   AND n_mod_since_analyze > 200 AND n_mod_since_analyze > n_live_tup / 2"""


async def analyze_grown(context: Context) -> int:
    """ANALYZE the tables of which half is new; returns how many."""
    async with context.db.connection() as conn:
        grown = await (await conn.execute(_GROWN)).fetchall()
        for name in grown:
            await conn.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(*name)))
    return len(grown)
