"""Identities and policies as moto keeps them: whose key it is, what a role or a queue allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.sts.models import sts_backends

from embedded_account.calls import Caller
from embedded_account.iam_policy import Policy

ROOT_KEY_PREFIX = "AKIAROOT"  # the key of an account's root is this and the account's number


class UnknownAccessKeyError(LookupError):
    """The access key belongs to nobody; AWS answers InvalidClientTokenId."""


class UnknownRoleError(LookupError):
    """The role does not exist."""


@dataclass(frozen=True, slots=True)
class IdentityPolicies:
    """What is attached to a user (and the user's groups) or a role."""

    policies: tuple[Policy, ...]
    boundary: Policy | None


def who(access_key_id: str, *, partition: str = "aws") -> Caller:
    """The owner of an access key: an account's root, an IAM user, or a role's session.

    A root's key does not tell its *partition*. Raises UnknownAccessKeyError.
    """
    if access_key_id.startswith(ROOT_KEY_PREFIX):
        account = access_key_id.removeprefix(ROOT_KEY_PREFIX)
        return Caller(account, f"arn:{partition}:iam::{account}:root", "Root", access_key_id)
    for account, session in _sessions():
        if session.access_key_id == access_key_id:
            return Caller(
                account,
                session.arn,
                "AssumedRole",
                access_key_id,
                role_arn=session.role_arn,
                session_policy=session.policy or None,
            )
    for account, user in _users():
        if any(key.access_key_id == access_key_id for key in user.access_keys):
            return Caller(account, user.arn, "IAMUser", access_key_id)
    raise UnknownAccessKeyError(
        f"access key {access_key_id} belongs to no root, user or role session of this account"
    )


def _sessions() -> Iterator[tuple[str, Any]]:
    for account, backends in list(sts_backends.items()):
        for backend in list(backends.values()):
            yield from ((account, session) for session in backend.assumed_roles)


def _users() -> Iterator[tuple[str, Any]]:
    for account, backends in list(iam_backends.items()):
        for backend in list(backends.values()):
            yield from ((account, user) for user in list(backend.users.values()))


def _role(role_arn: str) -> Any:
    partition, account = role_arn.split(":")[1], role_arn.split(":")[4]
    for role in list(iam_backends[account][partition].roles.values()):
        if role.arn == role_arn:
            return role
    raise UnknownRoleError(f"role {role_arn} does not exist")


def policies_of_role(role_arn: str) -> IdentityPolicies:
    """Inline and attached policies of a role; raises UnknownRoleError."""
    return _attached(_role(role_arn))


def policies_of_user(user_arn: str) -> IdentityPolicies:
    """Inline and attached policies of a user and of the groups that the user is in."""
    partition, account = user_arn.split(":")[1], user_arn.split(":")[4]
    backend = iam_backends[account][partition]
    user = backend.users[user_arn.rpartition("/")[2]]
    groups = [group for group in backend.groups.values() if user in group.users]
    own = _attached(user)
    inherited = [policy for group in groups for policy in _attached(group).policies]
    return IdentityPolicies((*own.policies, *inherited), own.boundary)


def role_arns(account: str) -> list[str]:
    """The roles of an account."""
    backends = list(iam_backends[account].values())
    return [str(role.arn) for backend in backends for role in backend.roles.values()]


def _attached(holder: Any) -> IdentityPolicies:
    inline = [_parsed(name, text) for name, text in holder.policies.items()]
    managed = [_managed(policy) for policy in holder.managed_policies.values()]
    boundary_arn = getattr(holder, "permissions_boundary_arn", None)
    boundary = None
    if boundary_arn:
        partition, account = holder.arn.split(":")[1], holder.arn.split(":")[4]
        boundary = _managed(iam_backends[account][partition].managed_policies[boundary_arn])
    return IdentityPolicies((*inline, *managed), boundary)


def _parsed(name: str, document: Any) -> Policy:
    """Read a document, a text only once: the same few policies are asked at every call."""
    return _read(name, document) if isinstance(document, str) else Policy.parse(name, document)


@lru_cache(maxsize=1024)
def _read(name: str, text: str) -> Policy:
    return Policy.parse(name, text)


def _managed(policy: Any) -> Policy:
    document = next(version.document for version in policy.versions if version.is_default)
    return _parsed(policy.name, document)


# --- resource-based policies ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arn:
    """The six parts of an ARN."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Arn | None:
        """Split an ARN; None for ``*`` and other text."""
        parts = text.split(":", 5)
        return cls(*parts[1:]) if len(parts) == 6 and parts[0] == "arn" else None


def owner_of(resource: str) -> str | None:
    """The account that a resource belongs to; None where the ARN does not tell."""
    arn = Arn.parse(resource)
    if arn is None:
        return None
    if arn.service == "s3":
        bucket = _bucket(arn)
        return str(bucket.account_id) if bucket is not None else None
    return arn.account or None


def resource_policy(resource: str, action: str) -> Policy | None:
    """The policy that hangs on the resource and speaks about the action, or None."""
    arn = Arn.parse(resource)
    if arn is None:
        return None
    if arn.service == "iam":
        return _trust(resource) if action.startswith("sts:") else None
    reader = READERS.get(arn.service)
    text = reader(arn) if reader else None
    return _parsed(f"policy of {resource}", text) if text else None


def _trust(role_arn: str) -> Policy | None:
    try:
        role = _role(role_arn)
    except UnknownRoleError:
        return None
    return _parsed(f"trust policy of {role_arn}", role.assume_role_policy_document)


def _bucket(arn: Arn) -> Any:
    name = arn.resource.split("/")[0]
    for backends in list(s3_backends.values()):
        if name in backends[arn.partition].buckets:
            return backends[arn.partition].buckets[name]
    return None


def _bucket_policy(arn: Arn) -> Any:
    bucket = _bucket(arn)
    return bucket.policy.decode() if bucket is not None and bucket.policy else None


def _queue_policy(arn: Arn) -> Any:
    queue = sqs_backends[arn.account][arn.region].queues.get(arn.resource)
    return queue.policy if queue is not None else None


def _topic_policy(arn: Arn) -> Any:
    topics = sns_backends[arn.account][arn.region].topics
    topic = topics.get(f"arn:{arn.partition}:sns:{arn.region}:{arn.account}:{arn.resource}")
    return topic.policy if topic is not None else None


def _bus_policy(arn: Arn) -> Any:
    kind, _, name = arn.resource.partition("/")
    bus = events_backends[arn.account][arn.region].event_buses.get(name)
    return bus.policy if kind == "event-bus" and bus is not None else None


def _function_policy(arn: Arn) -> Any:
    kind, _, name = arn.resource.partition(":")
    functions = lambda_backends[arn.account][arn.region].list_functions()
    for function in functions:
        if kind == "function" and function.function_name == name.split(":")[0]:
            return {"Version": "2012-10-17", "Statement": function.policy.statements}
    return None


def _key_policy(arn: Arn) -> Any:
    key = kms_backends[arn.account][arn.region].keys.get(arn.resource.removeprefix("key/"))
    return key.policy if key is not None else None


READERS: dict[str, Callable[[Arn], Any]] = {
    "events": _bus_policy,
    "kms": _key_policy,
    "lambda": _function_policy,
    "s3": _bucket_policy,
    "sns": _topic_policy,
    "sqs": _queue_policy,
}
