"""Search: which messages have a text in them."""

from merpati.search.scan import scan
from merpati.search.text import contains, fold

__all__ = ["contains", "fold", "scan"]
