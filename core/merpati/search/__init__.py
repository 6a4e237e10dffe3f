"""Search: which messages have a text in them."""

from merpati.search.scan import scan
from merpati.search.text import Words, contains, fold

__all__ = ["Words", "contains", "fold", "scan"]
