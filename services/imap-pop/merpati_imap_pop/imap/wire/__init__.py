"""Bytes in, commands out, and back: pure, without asyncio and without the store."""
