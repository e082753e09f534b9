"""The role that an agent service may assume for anybody."""

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
    if unscoped and any(wide(policy) for policy in policies()):
        yield Evidence("policies", "a wide grant on Bedrock or AgentCore", Severity.HIGH)


def wide(policy: IamPolicy) -> bool:
    """Whether a policy of the role grants everything, or everything of an account."""
    try:
        grants = bedrock_grants(parse(policy.policy_document), own_account=policy.own_account)
    except InvalidDocumentError as error:
        raise NotKnown(policy.key, str(error)) from None
    return any(grant.grade in (Grade.EVERYTHING, Grade.ACCOUNT) for grant in grants)
