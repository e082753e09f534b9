"""The grant on everything that Bedrock has."""

from sentinel import Evidence, Findings, NotKnown, Severity, rule
from sentinel.iam import Grade, InvalidDocumentError, bedrock_grants, parse
from sentinel.subjects import IamPolicy

SEVERITY_OF = {
    Grade.EVERYTHING: Severity.CRITICAL,
    Grade.ACCOUNT: Severity.HIGH,
    Grade.TYPE: Severity.MEDIUM,
    Grade.CONDITIONED: Severity.LOW,
}


@rule(
    Severity.CRITICAL,
    crosswalk=("AWS:FMI-01", "AWS:AC-02", "AWS:AG-16", "OWASP:T3", "ATTACK:T1098.003"),
)
def iam_bedrock_wildcard(policy: IamPolicy) -> Findings:
    """Policy grants Bedrock or AgentCore on every model or agent.

    Risk:
        Whoever holds the policy can call every model, or call and change every agent: costs without
        limit, data of other teams, and the roles of other agents.

    Fix:
        Name the models, inference profiles and agents that are needed, by their ARNs.

    Silent:
        For reads, for resources named by id or by the prefix of one agent, for actions that know no
        resource, and for what an unconditional Deny takes back. MEDIUM for every id of one type,
        LOW behind a condition that confines.

    Blind:
        What other policies, boundaries and organization policies add or take away.
    """
    try:
        grants = bedrock_grants(parse(policy.policy_document), own_account=policy.own_account)
    except InvalidDocumentError as error:
        raise NotKnown("policyDocument", str(error)) from None
    for grant in grants:
        severity = SEVERITY_OF[grant.grade] if policy.default else Severity.INFORMATIONAL
        granted: dict[str, object] = {
            "actions": list(grant.action_patterns),
            "resource": grant.pattern,
        }
        if grant.conditions:
            granted["conditions"] = list(grant.conditions)
        yield Evidence(f"policyDocument.{grant.path}", granted, severity)
