"""The role that an agent service may assume for anybody."""

from collections.abc import Iterable

from sentinel import Each, Evidence, Findings, NotKnown, Severity, rule
from sentinel.iam import Grade, InvalidDocumentError, bedrock_grants, parse, unscoped_services
from sentinel.subjects import IamPolicy, IamTrust


@rule(Severity.MEDIUM, crosswalk=("OWASP:T3", "ATTACK:T1199"))
def agent_trust_unscoped(trust: IamTrust, policies: Each[IamPolicy]) -> Findings:
    """Role may be assumed by Bedrock or AgentCore on behalf of any account.

    Risk:
        The service acts for all of its customers: without a source condition another customer's
        resource may be made to use the role.

    Fix:
        Add aws:SourceAccount with your own account, and aws:SourceArn where the resource is known,
        to the trust policy.

    Silent:
        When a condition names the source account, ARN or organization, for other services, and for
        service-linked roles. HIGH when the role holds a wide grant on Bedrock or AgentCore.

    Blind:
        Whether the service itself checks the source.
    """
    if trust.path.startswith("/aws-service-role/"):
        return
    try:
        unscoped = unscoped_services(parse(trust.assume_role_policy_document))
    except InvalidDocumentError as error:
        raise NotKnown("assumeRolePolicyDocument", str(error)) from None
    for service in unscoped:
        yield Evidence(f"assumeRolePolicyDocument.{service.path}", service.service)
    if unscoped:
        yield from wide_grant(policies())


def wide_grant(policies: Iterable[IamPolicy]) -> Findings:
    """A policy that grants everything, or everything of an account; else one that is no policy."""
    unknown: NotKnown | None = None
    for policy in policies:
        try:
            grants = bedrock_grants(parse(policy.policy_document), own_account=policy.own_account)
        except InvalidDocumentError as error:
            unknown = NotKnown(policy.key, str(error))
            continue
        if any(grant.grade in (Grade.EVERYTHING, Grade.ACCOUNT) for grant in grants):
            yield Evidence("policies", "a wide grant on Bedrock or AgentCore", Severity.HIGH)
            return
    if unknown:
        raise unknown
