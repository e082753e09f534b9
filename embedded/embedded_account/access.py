"""Who calls, with which keys, and whether they may."""

from __future__ import annotations

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

from embedded_account.authorization import Authorizer, Refusal
from embedded_account.authorization.moto_state import ROOT_KEY_PREFIX
from embedded_account.calls import Call, Caller

# "Execution role permissions" of Lambda's pages on SQS and on DynamoDB streams
_POLLING_ACTIONS = {
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    "dynamodb": (
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
    ),
}


class Access:
    """Asks the authorizer, and keeps the keys it made; all may when it does not *enforce*."""

    def __init__(self, authorizer: Authorizer, *, enforce: bool) -> None:
        self._authorizer = authorizer
        self._enforce = enforce
        self._keys: dict[tuple[str, str], dict[str, str]] = {}

    def refusal_of(self, call: Call) -> Refusal | None:
        """Return why the caller may not make the call, or None."""
        return self._authorizer.check(call) if self._enforce else None

    def may_use_url(self, caller: Caller | None, function_arn: str) -> bool:
        """Whether a signed request may invoke a function through its URL."""
        if caller is None or not self._enforce:
            return caller is not None
        context = {"lambda:FunctionUrlAuthType": "AWS_IAM"}
        action = "lambda:InvokeFunctionUrl"
        return self._authorizer.check_action(caller, action, function_arn, context) is None

    def may_poll(self, role_arn: str, source_arn: str) -> str | None:
        """Return why Lambda cannot poll a queue or stream with a function's role, or None."""
        service, actions = "lambda.amazonaws.com", _POLLING_ACTIONS[source_arn.split(":")[2]]
        refusals = (
            self.role_may(role_arn, action, source_arn, service=service, source_arn=None)
            for action in actions
        )
        return next((refusal for refusal in refusals if refusal is not None), None)

    def lambda_may(self, role_arn: str, action: str, resource: str) -> bool:
        """Whether Lambda may do *action* with the role of a function."""
        service = "lambda.amazonaws.com"
        return not self.role_may(role_arn, action, resource, service=service, source_arn=None)

    def service_may(
        self, principal: str, action: str, resource: str, *, source_arn: str
    ) -> str | None:
        """Return why *resource*'s policy does not let a service act for *source_arn*, or None."""
        if not self._enforce:
            return None
        refusal = self._authorizer.check_service(principal, action, resource, source_arn)
        return refusal.message if refusal is not None else None

    def role_may(
        self, role_arn: str, action: str, resource: str, *, service: str, source_arn: str | None
    ) -> str | None:
        """Return why *service* cannot do *action* with a role that it was handed, or None."""
        if not self._enforce:
            return None
        try:
            refusal = self._authorizer.check_role(
                role_arn, action, resource, service=service, source_arn=source_arn
            )
        except LookupError as unknown:
            return str(unknown)
        return refusal.message if refusal is not None else None

    def credentials(self, account: str, principal: str, region: str) -> dict[str, str]:
        """Return keys of a root, a role or a user, the same each time."""
        if principal == "root":
            key = f"{ROOT_KEY_PREFIX}{account}"
            return {"aws_access_key_id": key, "aws_secret_access_key": "root"}
        if (account, principal) not in self._keys:
            self._keys[account, principal] = _new_keys(account, principal, region)
        return self._keys[account, principal]


def _new_keys(account: str, principal: str, region: str) -> dict[str, str]:
    partition = get_partition(region)
    iam = iam_backends[account][partition]
    role = next((role for role in iam.roles.values() if role.name == principal), None)
    if role is None:
        key = iam.create_access_key(principal)
        return {
            "aws_access_key_id": key.access_key_id,
            "aws_secret_access_key": key.secret_access_key,
        }
    session = sts_backends[account][partition].assume_role(
        region_name=region,
        role_session_name=principal[:64],
        role_arn=role.arn,
        policy="",
        duration=43_200,
        external_id="",
    )
    return {
        "aws_access_key_id": session.access_key_id,
        "aws_secret_access_key": session.secret_access_key,
        "aws_session_token": session.session_token,
    }
