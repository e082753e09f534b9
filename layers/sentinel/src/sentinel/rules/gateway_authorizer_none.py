"""The gateway that lets everybody in."""

from sentinel import Each, Evidence, Findings, Guard, NotKnown, Severity, rule
from sentinel.subjects import Gateway, GatewayTarget

KNOWN = {"CUSTOM_JWT", "AWS_IAM", "AUTHENTICATE_ONLY", "NONE"}


@rule(
    Severity.CRITICAL,
    crosswalk=(
        "SecurityHub:BedrockAgentCore.2",
        "AWS:AG-24",
        "AWS:AC-31",
        "OWASP:T3",
        "OWASP:T9",
        "ATTACK:T1190",
    ),
)
def gateway_authorizer_none(gateway: Gateway, targets: Each[GatewayTarget]) -> Findings:
    """Gateway answers callers that it has not authenticated.

    Risk:
        Anyone who learns the URL can list and call every tool behind the gateway.

    Fix:
        AWS does not change the authorizer of an existing gateway. Create a gateway with AWS_IAM or
        CUSTOM_JWT, move its callers, and delete this one. Until then attach a policy engine in
        ENFORCE.

    Silent:
        Never when the type is NONE. An enforcing policy engine, an interceptor that sees each
        request with its headers, or targets that all pass the caller's token on lower it to MEDIUM,
        an interceptor that sees no headers to HIGH.

    Blind:
        What the policies of the engine permit, and what the code of an interceptor decides.
    """
    kind = gateway.authorizer_type.upper()
    if kind not in KNOWN:
        raise NotKnown("authorizerType", f"{kind} is a type that this version does not know")
    if kind == "NONE":
        yield Evidence("authorizerType", "NONE", guarded_by=lambda: guard(gateway, targets))


def guard(gateway: Gateway, targets: Each[GatewayTarget]) -> Guard | None:
    """What stands behind the open door, the strongest first."""
    engine = gateway.policy_engine_configuration
    if engine and engine.mode == "ENFORCE":
        return Guard(Severity.MEDIUM, "policyEngineConfiguration.mode", engine.mode)
    requests = [
        configured
        for configured in gateway.interceptor_configurations
        if "REQUEST" in configured.interception_points
    ]
    path = "interceptorConfigurations.inputConfiguration.passRequestHeaders"
    if any(r.input_configuration and r.input_configuration.pass_request_headers for r in requests):
        return Guard(Severity.MEDIUM, path, True)
    try:
        passed = [
            {c.credential_provider_type for c in t.credential_provider_configurations}
            for t in targets()
        ]
    except NotKnown:
        if requests:
            return Guard(Severity.HIGH, path, False)
        raise
    if passed and all(kinds == {"JWT_PASSTHROUGH"} for kinds in passed):
        return Guard(Severity.MEDIUM, "targets.credentialProviderType", "JWT_PASSTHROUGH")
    return Guard(Severity.HIGH, path, False) if requests else None
