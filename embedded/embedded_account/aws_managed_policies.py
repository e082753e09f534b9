"""Gives an account AWS's managed policies once a call may name one.

moto would read some fifteen hundred documents for every account before its first call.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, iam_backends
from moto.utilities.utils import get_partition

from embedded_account.calls import Call

_LISTING = frozenset({"GetAccountAuthorizationDetails", "ListPolicies"})


def load_if_named(call: Call) -> None:
    """Load them into the account of *call* if it lists policies or names one of AWS's."""
    if call.service != "iam":
        return
    if call.operation in _LISTING or "::aws:policy/" in str(call.parameters):
        _load(iam_backends[call.account][get_partition(call.region)])


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
