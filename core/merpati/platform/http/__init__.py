"""Serving HTTP with bounds. Only for services whose pyproject names uvicorn and Starlette: core does not."""

from merpati.platform.http.limits import BodyLimit, Bounds
from merpati.platform.http.server import HttpServer
from merpati.platform.http.sockets import bound, listeners

__all__ = ["BodyLimit", "Bounds", "HttpServer", "bound", "listeners"]
