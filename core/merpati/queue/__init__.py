"""Mail on its way out, or not yet delivered here: rows with leases, a file each, retries, reports of failure."""

from merpati.queue.desk import Depth, Desk, Entry, Filter, depth
from merpati.queue.files import QueueFiles, make_spool, new_file
from merpati.queue.leases import Leases
from merpati.queue.outcomes import Outcome, completed, delivered
from merpati.queue.retry import Clock, RetryPolicy
from merpati.queue.types import ENQUEUE, Failure, NewQueueRow, QueueRow, enqueue_arguments


class Queue(Leases, Desk):
    """The queue: a worker claims and settles, a postmaster looks and steers."""


__all__ = [
    "ENQUEUE",
    "Clock",
    "Depth",
    "Entry",
    "Failure",
    "Filter",
    "NewQueueRow",
    "Outcome",
    "Queue",
    "QueueFiles",
    "QueueRow",
    "RetryPolicy",
    "completed",
    "delivered",
    "depth",
    "enqueue_arguments",
    "make_spool",
    "new_file",
]
