"""The token check that is gone."""

from sentinel import Before, Evidence, Findings, Lookup, NotKnown, Severity, rule
from sentinel.iam import InvalidDocumentError, admits_everybody, parse
from sentinel.subjects import AgentRuntime, Harness, ResourcePolicy


@rule(Severity.MEDIUM, crosswalk=("OWASP:T9",))
def inbound_jwt_removed(
    agent: AgentRuntime | Harness,
    before: Before[AgentRuntime | Harness],
    policies: Lookup[ResourcePolicy],
) -> Findings:
    """Agent no longer checks the tokens of its callers.

    Risk:
        AWS signatures are checked instead, so callers with tokens are locked out. If the resource
        policy still admits everybody, as a JWT authorizer needs it, every AWS account may call.

    Fix:
        Set the JWT authorizer of the former version again, then move named endpoints to the new
        version. If the change was meant, take the principal "*" out of the resource policy.

    Silent:
        For an agent that never had a JWT authorizer, and without a baseline or a former version.

    Blind:
        Which version a named endpoint serves, and what its own resource policy says. AWS knows no
        resource policy of a harness.
    """
    good = before()
    if good is None or _jwt(good) is None or _jwt(agent) is not None:
        return
    path = "authorizerConfiguration.customJWTAuthorizer"
    yield Evidence(path, None, before="present")
    if isinstance(agent, Harness):
        return
    policy = policies(agent.key)
    if policy is None or policy.policy is None:
        return
    try:
        everybody = admits_everybody(parse(policy.policy))
    except InvalidDocumentError as error:
        raise NotKnown("resourcePolicy", str(error)) from None
    if everybody:
        yield Evidence("resourcePolicy.Principal", "*", Severity.CRITICAL)


def _jwt(agent: AgentRuntime | Harness) -> object:
    configuration = agent.authorizer_configuration
    return configuration.custom_jwt_authorizer if configuration else None
