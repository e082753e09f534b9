"""Gives an account AWS's managed policies once a call may name one.

moto would read some fifteen hundred documents for every account before its first call, and would
answer with all of them when an account's own snapshot is asked for.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend, iam_backends
from moto.utilities.utils import get_partition

from embedded_account.calls import Call
from embedded_account.moto_repairs import Repair

_LISTING = frozenset({"ListPolicies"})
_moto_details = IAMBackend.get_account_authorization_details


def load_if_named(call: Call) -> None:
    """Load them into the account of *call* if it lists policies or names one of AWS's."""
    if call.service != "iam":
        return
    if call.operation in _LISTING or "::aws:policy/" in str(call.parameters):
        _load(iam_backends[call.account][get_partition(call.region)])


def snapshot_repair() -> Repair:
    """Return what leaves AWS's policies that nobody holds out of an account's snapshot."""
    return Repair(
        "moto's GetAccountAuthorizationDetails has every policy of AWS's, attached or not",
        IAMBackend,
        "get_account_authorization_details",
        _details,
        "89a213df6afc",
    )


def _details(backend: Any, policy_filter: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = _moto_details(backend, policy_filter)
    held = [
        policy
        for policy in found["managed_policies"]
        if policy.attachment_count or not isinstance(policy, AWSManagedPolicy)
    ]
    return found | {"managed_policies": held}


def _load(backend: Any) -> None:
    if backend.aws_managed_policies:
        return
    where = (backend.account_id, backend.region_name)
    backend.aws_managed_policies = [
        AWSManagedPolicy.from_data(name, *where, data) for name, data in _documents().items()
    ]
    for policy in backend.aws_managed_policies:
        backend.managed_policies.setdefault(policy.arn, policy)


@cache
def _documents() -> dict[str, Any]:
    documents: dict[str, Any] = json.loads(aws_managed_policies_data)
    return documents
