"""Allow or refuse calls by the policies that moto holds, and remember the statements used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from embedded_account.authorization.moto_state import (
    IdentityPolicies,
    owner_of,
    policies_of_role,
    policies_of_user,
    resource_policy,
    role_arns,
    who,
)
from embedded_account.authorization.need import Need, UnmappedOperationError
from embedded_account.authorization.required_actions import needs, required
from embedded_account.calls import Call, Caller
from embedded_account.iam_conditions import Context, as_list, glob_matches, tokens
from embedded_account.iam_policy import AccessRequest, Decision, Policy, Principal, decide

# The error code of a refusal, where it is not AccessDeniedException.
CODES: Mapping[str, str] = {
    "cloudformation": "AccessDenied",
    "cloudwatch": "AccessDenied",
    "iam": "AccessDenied",
    "s3": "AccessDenied",
    "sns": "AuthorizationError",
    "sqs": "AccessDenied",
    "sts": "AccessDenied",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What AWS would answer instead: the error's code and a message with who, what and which."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Use:
    """A statement that allowed an action: the policy's name, and the statement's Sid or index.

    *principal* is a role's ARN or a service principal.
    """

    principal: str
    action: str
    resource: str
    policy: str
    statement: str


@dataclass(frozen=True, slots=True)
class StatementGrant:
    """An action pattern that a statement of a role's policy grants."""

    role_arn: str
    policy: str
    statement: str
    action: str


@dataclass(frozen=True, slots=True)
class Organization:
    """The organization that the accounts belong to, for aws:PrincipalOrgID and its relatives."""

    id: str
    accounts: frozenset[str]


class Authorizer:
    """Decides every call; `uses` grows with each statement that allowed one to a role."""

    def __init__(self, organization: Organization | None = None) -> None:
        self.organization = organization
        self.uses: list[Use] = []

    def who(self, access_key_id: str, *, partition: str = "aws") -> Caller:
        """The owner of an access key; raises UnknownAccessKeyError."""
        return who(access_key_id, partition=partition)

    def required(self, call: Call) -> tuple[tuple[str, str], ...]:
        """The (action, resource) pairs that the call needs; raises UnmappedOperationError."""
        return required(call)

    def check(self, call: Call) -> Refusal | None:
        """Refuse the call, or let it pass with None.

        A root passes. So does who may do everything, even where nobody has mapped the operation to
        actions; for everybody else that raises UnmappedOperationError.
        """
        if call.caller.type == "Root":
            return None
        try:
            needed = needs(call)
        except UnmappedOperationError:
            if _may_do_everything(call.caller):
                return None
            raise
        context = self._context_of(call)
        for need in needed:
            refusal = self._check_need(call.caller, need, context, call.service)
            if refusal is not None:
                return refusal
        return None

    def check_action(
        self, caller: Caller, action: str, resource: str, context: Context | None = None
    ) -> Refusal | None:
        """Check one action that is no API call, such as lambda:InvokeFunctionUrl."""
        if caller.type == "Root":
            return None
        known = self._principal_context(caller) | _global_context(resource)
        return self._check_need(caller, Need(action, resource, context or {}), known, "")

    def check_service(
        self,
        principal: str,
        action: str,
        resource: str,
        source_arn: str,
        source_account: str | None = None,
        context: Context | None = None,
    ) -> Refusal | None:
        """Check a service principal (events.amazonaws.com) against the resource's own policy."""
        account = source_account or source_arn.split(":")[4]
        known = _global_context(resource) | {
            "aws:PrincipalIsAWSService": "true",
            "aws:PrincipalServiceName": principal,
            "aws:SourceArn": source_arn,
            "aws:SourceAccount": account,
        }
        if self.organization and account in self.organization.accounts:
            known["aws:SourceOrgID"] = self.organization.id
        request = AccessRequest(
            Principal(account, principal, service=principal),
            action,
            resource,
            known | dict(context or {}),
        )
        decision = decide(
            request, identity=(), resource=resource_policy(resource, action), same_account=True
        )
        if not decision.allowed:
            return _refusal(principal, action, resource, decision, "")
        self._remember(principal, action, resource, decision)
        return None

    def check_role(
        self,
        role_arn: str,
        action: str,
        resource: str,
        *,
        service: str,
        source_arn: str | None = None,
        context: Context | None = None,
    ) -> Refusal | None:
        """Check what a service does with a role that it was handed: assuming it, and the action.

        The role's trust policy sees *source_arn* as aws:SourceArn.
        """
        refusal = self.check_service(
            service, "sts:AssumeRole", role_arn, source_arn or role_arn, role_arn.split(":")[4]
        )
        if refusal is not None:
            return refusal
        partition, account, name = role_arn.split(":")[1], role_arn.split(":")[4], role_arn
        session = f"arn:{partition}:sts::{account}:assumed-role/{name.rpartition('/')[2]}/{service}"
        caller = Caller(account, session, "AssumedRole", role_arn=role_arn)
        return self.check_action(caller, action, resource, context)

    def unused(self, account: str) -> tuple[StatementGrant, ...]:
        """The action patterns in the policies of an account's roles that no call has used yet."""
        return tuple(
            grant
            for role_arn in role_arns(account)
            for policy in policies_of_role(role_arn).policies
            for grant in _grants(role_arn, policy)
            if not any(_covers(grant, use) for use in self.uses)
        )

    def _check_need(
        self, caller: Caller, need: Need, context: Context, service: str
    ) -> Refusal | None:
        own = _identity(caller)
        owner = owner_of(need.resource) or caller.account
        request = AccessRequest(
            Principal(caller.account, caller.arn, caller.role_arn),
            need.action,
            need.resource,
            {**context, **_global_context(need.resource), **need.context},
        )
        session = caller.session_policy
        decision = decide(
            request,
            identity=own.policies,
            boundary=own.boundary,
            session=Policy.parse("session policy", session) if session else None,
            resource=resource_policy(need.resource, need.action),
            same_account=owner == caller.account,
            resource_must_allow=_needs_the_resources_consent(need),
        )
        if not decision.allowed:
            return _refusal(caller.arn, need.action, need.resource, decision, service)
        if caller.role_arn:
            self._remember(caller.role_arn, need.action, need.resource, decision)
        return None

    def _remember(self, principal: str, action: str, resource: str, decision: Decision) -> None:
        self.uses.extend(
            Use(principal, action, resource, use.policy, use.statement)
            for use in decision.statements
        )

    def _context_of(self, call: Call) -> dict[str, str | Sequence[str]]:
        known = self._principal_context(call.caller)
        known |= {
            "aws:RequestedRegion": call.region,
            "aws:SourceIp": call.source_ip,
            "aws:UserAgent": call.user_agent,
            "aws:CurrentTime": call.at.astimezone(UTC).isoformat(),
            "aws:EpochTime": str(int(call.at.timestamp())),
        }
        tags = _request_tags(call)
        if tags:
            known["aws:TagKeys"] = sorted(tags)
            known |= {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        return known

    def _principal_context(self, caller: Caller) -> dict[str, str | Sequence[str]]:
        known: dict[str, str | Sequence[str]] = {
            "aws:PrincipalArn": caller.role_arn or caller.arn,
            "aws:PrincipalAccount": caller.account,
            "aws:PrincipalType": "User" if caller.type == "IAMUser" else caller.type,
            "aws:PrincipalIsAWSService": "false",
            "aws:ViaAWSService": "false",
        }
        if caller.type == "IAMUser":
            known["aws:username"] = caller.arn.rpartition("/")[2]
        if caller.source_identity:
            known["aws:SourceIdentity"] = caller.source_identity
        if self.organization and caller.account in self.organization.accounts:
            known["aws:PrincipalOrgID"] = self.organization.id
        return known


def _global_context(resource: str) -> dict[str, str | Sequence[str]]:
    owner = owner_of(resource)
    known: dict[str, str | Sequence[str]] = {"aws:SecureTransport": "true"}
    return known | ({"aws:ResourceAccount": owner} if owner else {})


def _request_tags(call: Call) -> dict[str, str]:
    tags = call.parameters.get("Tags") or call.parameters.get("tags") or {}
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    pairs = [{name.lower(): value for name, value in tag.items()} for tag in tags]
    return {str(pair["key"]): str(pair.get("value", "")) for pair in pairs if "key" in pair}


def _needs_the_resources_consent(need: Need) -> bool:
    # A role's trust policy and a KMS key's policy: IAM User Guide, KMS Developer Guide.
    return need.action.startswith("sts:") or (
        need.action.startswith("kms:") and ":key/" in need.resource
    )


def _identity(caller: Caller) -> IdentityPolicies:
    if caller.role_arn is not None:
        return policies_of_role(caller.role_arn)
    return policies_of_user(caller.arn)


def _may_do_everything(caller: Caller) -> bool:
    own = _identity(caller)
    if own.boundary is not None or caller.session_policy:
        return False
    return any(
        statement.get("Effect") == "Allow"
        and "*" in as_list(statement.get("Action"))
        and "*" in as_list(statement.get("Resource"))
        and not statement.get("Condition")
        for policy in own.policies
        for statement in as_list(policy.document.get("Statement", []))
    )


def _refusal(who: str, action: str, resource: str, decision: Decision, service: str) -> Refusal:
    reason = decision.why.replace("the action", f"the {action} action")
    joined = reason if reason.startswith("with ") else f"because {reason}"
    message = f"User: {who} is not authorized to perform: {action} on resource: {resource} {joined}"
    return Refusal(CODES.get(service, "AccessDeniedException"), message)


def _grants(role_arn: str, policy: Policy) -> Iterable[StatementGrant]:
    for index, statement in enumerate(as_list(policy.document.get("Statement", []))):
        if statement.get("Effect") == "Allow":
            name = str(statement.get("Sid") or f"[{index}]")
            for action in as_list(statement.get("Action", [])):
                yield StatementGrant(role_arn, policy.name, name, action)


def _covers(grant: StatementGrant, use: Use) -> bool:
    if (grant.role_arn, grant.policy, grant.statement) != (
        use.principal,
        use.policy,
        use.statement,
    ):
        return False
    pattern = tokens(grant.action.lower(), {}, variables=False, wildcards=True)
    return glob_matches(pattern, use.action.lower())
