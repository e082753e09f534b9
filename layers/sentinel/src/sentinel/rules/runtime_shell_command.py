"""A shell inside an agent."""

from datetime import timedelta

from sentinel import Earlier, Evidence, Findings, Severity, rule
from sentinel.iam import any_matches
from sentinel.subjects import CommandRun


@rule(
    Severity.HIGH,
    crosswalk=("AWS:AC-18", "OWASP:T11", "ATTACK:T1651", "ATTACK:T1059"),
)
def runtime_shell_command(
    run: CommandRun,
    past: Earlier[CommandRun],
    *,
    agents: frozenset[str] = frozenset(),
    shell_users: frozenset[str] = frozenset(),
    trusted_accounts: frozenset[str] = frozenset(),
) -> Findings:
    """Somebody ran a shell command inside an agent.

    Risk:
        The command ran in the agent's container with its files, its environment and its role:
        enough to read its secrets and to act in its name.

    Fix:
        Ask the caller. If nobody knows of it, stop the session, deny InvokeAgentRuntimeCommand on
        the runtime and its endpoints, revoke the role's sessions, and read the command in the
        agent's log group by the request id.

    Silent:
        Never. INFORMATIONAL for the principals in shell_users; CRITICAL for root, for another
        account, and for the principals in agents.

    Blind:
        The command itself, which CloudTrail does not record; each command of an interactive shell.
    """
    who = run.actor.principal
    hour = run.at.strftime("%Y-%m-%dT%H")
    key = f"{who}/{hour}"
    foreign = run.actor.account not in {"", run.identity.account, *trusted_accounts}
    severity = None
    if run.actor.type == "Root" or foreign or any_matches(agents, who):
        severity = Severity.CRITICAL
    elif any_matches(shell_users, who):
        severity = Severity.INFORMATIONAL
    yield Evidence("userIdentity.arn", run.actor.arn or who, severity, key)
    yield Evidence("eventName", run.event_name, severity, key)
    for path, value in (
        ("runtimeSessionId", run.told("runtime_session_id")),
        ("logGroup", run.log_group),
    ):
        if value:
            yield Evidence(path, value, severity, key)
    same = [
        p
        for p in past.within(timedelta(hours=1))
        if key == f"{p.actor.principal}/{p.at:%Y-%m-%dT%H}"
    ]
    yield Evidence("count", len(same) + 1, severity, key)
