"""The trail that has gone dark."""

from sentinel import Each, Evidence, Findings, Guard, Severity, rule
from sentinel.subjects import Trail


@rule(Severity.CRITICAL, crosswalk=("OWASP:T8", "ATTACK:T1562.008"))
def trail_stopped(trail: Trail, others: Each[Trail]) -> Findings:
    """Trail no longer records.

    Risk:
        EventBridge tells of API calls only while a trail logs: what happens from now on may reach
        nobody, the sentinel included.

    Fix:
        Call StartLogging on the trail, or create it again if it was deleted. Then sweep the account
        and replay the archive of the time between.

    Silent:
        When the trail logs. HIGH while another trail of the account still records write events in
        the Region.

    Blind:
        Calls that were made while nothing recorded.
    """
    if trail.is_logging:
        return
    path, value = ("deleted", True) if trail.deleted else ("IsLogging", False)
    yield Evidence(path, value, guarded_by=lambda: still_recording(trail, others))


def still_recording(trail: Trail, others: Each[Trail]) -> Guard | None:
    """Another trail that records write events where this one did."""
    for other in others():
        if other.key == trail.key or not (other.is_logging and other.records_writes):
            continue
        if other.identity.region == trail.identity.region or other.is_multi_region_trail:
            return Guard(Severity.HIGH, "otherTrail", other.trail_arn)
    return None
