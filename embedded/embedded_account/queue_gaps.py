"""Closes gaps of moto's SQS: queues of other accounts, and attributes that a change does not name.

Whether a caller may use another account's queue is decided before, by identity and queue policy
both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from moto.sqs.models import SQSBackend, sqs_backends
from moto.sqs.responses import SQSResponse

from embedded_account.moto_repairs import Repair


def _backend(response: Any) -> SQSBackend:
    owner = response._get_param("QueueOwnerAWSAccountId")
    path = urlsplit(response._get_param("QueueUrl") or "").path.strip("/")
    if owner is None and "/" in path:
        owner = path.split("/")[-2]
    backend: SQSBackend = sqs_backends[owner or response.current_account][response.region]
    return backend


def _set_queue_attributes(backend: Any, queue_name: str, attributes: Mapping[str, Any]) -> Any:
    queue = backend.get_queue(queue_name)
    queue._set_attributes({"Policy": queue.policy, **attributes})
    return queue


def queue_gap_repairs() -> tuple[Repair, ...]:
    """Return what finds a queue where the request says, and keeps what it does not name."""
    return (
        Repair(
            "moto knows queues of the caller's account only",
            SQSResponse,
            "sqs_backend",
            property(_backend),
            "0d6c25a478cd",
        ),
        Repair(
            "moto takes a queue's policy away when another attribute is set",
            SQSBackend,
            "set_queue_attributes",
            _set_queue_attributes,
            "ea0bf1a56eef",
        ),
    )
