"""The agent that runs somebody else's code."""

import re

from sentinel import Account, Evidence, Findings, NotKnown, Severity, rule
from sentinel.iam import any_matches
from sentinel.subjects import AgentRuntime, Harness

PRIVATE_REGISTRY = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.[a-z0-9-]+\."
    r"(?:amazonaws\.com(?:\.cn)?|on\.aws|amazonwebservices\.com\.cn)/"
)


@rule(Severity.HIGH, crosswalk=("OWASP:T13", "ATTACK:T1195.002", "ATTACK:T1525"))
def agent_artifact_foreign(
    agent: AgentRuntime | Harness,
    account: Account,
    *,
    trusted_accounts: frozenset[str] = frozenset(),
    trusted_buckets: frozenset[str] = frozenset(),
) -> Findings:
    """Agent runs an image or code from outside.

    Risk:
        Whoever owns the registry or the bucket decides what runs with the agent's role, today and
        at every later cold start.

    Fix:
        Copy the image into a registry of your own account, or the code into a bucket of your own,
        pin it by digest or version, and update the agent.

    Silent:
        For registries of the agent's own account and of trusted accounts, and for buckets that the
        account owns or the team trusts. MEDIUM for the public registry of AWS.

    Blind:
        What the image or the code does.
    """
    artifact = agent.artifact
    if artifact is None:
        return
    if artifact.container_configuration:
        uri = artifact.container_configuration.container_uri
        registry = PRIVATE_REGISTRY.match(uri)
        if registry and registry["account"] in {agent.identity.account, *trusted_accounts}:
            return
        path = f"{agent.artifact_member}.containerConfiguration.containerUri"
        public = uri.startswith("public.ecr.aws/")
        yield Evidence(path, uri, Severity.MEDIUM if public else None)
    elif artifact.code_configuration and artifact.code_configuration.code.s3:
        bucket = artifact.code_configuration.code.s3.bucket
        if not any_matches(trusted_buckets, bucket) and bucket not in account.owned_buckets():
            path = f"{agent.artifact_member}.codeConfiguration.code.s3.bucket"
            yield Evidence(path, bucket)
    else:
        raise NotKnown(agent.artifact_member, "is of a kind that this version does not know")
