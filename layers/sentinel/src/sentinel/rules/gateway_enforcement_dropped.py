"""The policy engine that no longer blocks."""

from sentinel import Before, Evidence, Findings, Severity, rule
from sentinel.subjects import Gateway


@rule(
    Severity.CRITICAL,
    crosswalk=("AWS:AG-25", "OWASP:T2", "OWASP:T3", "ATTACK:T1562.001"),
)
def gateway_enforcement_dropped(gateway: Gateway, before: Before[Gateway]) -> Findings:
    """Gateway no longer enforces the policies that it enforced.

    Risk:
        Calls that the policies forbid are let through: whoever passes the authorizer can call every
        tool. An update that merely forgets the policy engine detaches it.

    Fix:
        Set policyEngineConfiguration again, with the engine it had and mode ENFORCE, and send every
        other member with it: UpdateGateway resets what is left out.

    Silent:
        Without a baseline, and when an engine is attached for the first time.

    Blind:
        Changes to the policies inside the engine.
    """
    good = before()
    had = good.policy_engine_configuration if good else None
    if had is None or had.mode != "ENFORCE":
        return
    has = gateway.policy_engine_configuration
    if has is None:
        yield Evidence("policyEngineConfiguration", None, before={"arn": had.arn, "mode": had.mode})
    elif has.mode != "ENFORCE":
        yield Evidence("policyEngineConfiguration.mode", has.mode, before=had.mode)
    elif has.arn != had.arn:
        yield Evidence("policyEngineConfiguration.arn", has.arn, Severity.MEDIUM, before=had.arn)
