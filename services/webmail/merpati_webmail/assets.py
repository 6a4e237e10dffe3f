"""The few static files: read once, served under an address that changes with their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Assets:
    """Our style sheet, script and icon."""

    def __init__(self) -> None:
        self._files = {path.name: path.read_bytes() for path in _STATIC.iterdir() if path.suffix in _TYPES}
        self._hashes = {
            name: hashlib.sha256(content).hexdigest()[:12] for name, content in self._files.items()
        }

    def url(self, name: str) -> str:
        """The address of a static file, for ever the same content."""
        return f"/static/{self._hashes[name]}/{name}"

    async def serve(self, request: Request) -> Response:
        """GET /static/<hash>/<name>."""
        name = request.path_params["name"]
        content = self._files.get(name)
        if content is None:
            return Response("not found", status_code=404, media_type="text/plain")
        current = request.path_params["version"] == self._hashes[name]
        return Response(
            content,
            headers={
                "Content-Type": _TYPES[Path(name).suffix],
                "Cache-Control": "public, max-age=31536000, immutable" if current else "no-cache",
                # The mail frame has an origin of its own and loads the style sheet too.
                "Cross-Origin-Resource-Policy": "cross-origin",
            },
        )
