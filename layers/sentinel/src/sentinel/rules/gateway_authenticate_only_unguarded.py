"""The gateway that any AWS account may call."""

from sentinel import Each, Evidence, Findings, Severity, rule
from sentinel.subjects import Gateway, GatewayTarget


@rule(Severity.HIGH, crosswalk=("AWS:AG-24", "OWASP:T3", "OWASP:T9", "ATTACK:T1190"))
def gateway_authenticate_only_unguarded(gateway: Gateway, targets: Each[GatewayTarget]) -> Findings:
    """Gateway admits every principal of every AWS account.

    Risk:
        AUTHENTICATE_ONLY checks that a request is signed, not by whom: anybody with an AWS account
        of their own can call every tool behind the gateway.

    Fix:
        Attach a policy engine in ENFORCE, or an interceptor for requests, or let every target use
        the caller's own credentials. Else create a gateway with AWS_IAM or CUSTOM_JWT and move its
        callers.

    Silent:
        When a policy engine enforces, an interceptor sees each request, or every target asks for
        the caller's IAM credentials. MEDIUM while the gateway has no target.

    Blind:
        What the policies of the engine permit, and what the code of an interceptor decides.
    """
    if gateway.authorizer_type.upper() != "AUTHENTICATE_ONLY":
        return
    engine = gateway.policy_engine_configuration
    if engine and engine.mode == "ENFORCE":
        return
    if any("REQUEST" in c.interception_points for c in gateway.interceptor_configurations):
        return
    behind = targets()
    if not behind:
        yield Evidence("authorizerType", "AUTHENTICATE_ONLY", Severity.MEDIUM)
    for target in behind:
        kinds = {c.credential_provider_type for c in target.credential_provider_configurations}
        if kinds != {"CALLER_IAM_CREDENTIALS"}:
            yield Evidence(
                f"targets.{target.target_id}.credentialProviderType", sorted(kinds) or None
            )
