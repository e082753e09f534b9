"""The trail that has gone dark."""

from sentinel import Each, Evidence, Findings, Guard, NotKnown, Severity, rule
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
        When the trail logs. HIGH while another trail of the account still records every change that
        a rule watches, IAM's included, in each Region in which this one did.

    Blind:
        Calls that were made while nothing recorded.
    """
    if trail.is_logging:
        return
    path, value = ("deleted", True) if trail.deleted else ("IsLogging", False)
    yield Evidence(path, value, guarded_by=lambda: still_recording(trail, others))


def still_recording(trail: Trail, others: Each[Trail]) -> Guard | None:
    """Another trail that records what this one did: everywhere, or wherever this one did.

    Raises NotKnown where none is known to, and there is one of which nobody could see it.
    """
    recording = []
    unseen: NotKnown | None = None
    for one in others():
        try:
            if one.key != trail.key and one.is_logging and one.records_writes:
                recording.append(one)
        except NotKnown as unknown:
            unseen = NotKnown(one.key, str(unknown))
    everywhere = (o for o in recording if o.is_multi_region_trail and o.reaches_iam)
    other = next(everywhere, None) or next((o for o in recording if replaces(o, trail)), None)
    if other is None and unseen is not None:
        raise unseen
    return Guard(Severity.HIGH, "otherTrail", other.trail_arn) if other else None


def replaces(other: Trail, trail: Trail) -> bool:
    """Whether another trail reaches every Region that this one did, and IAM if this one did."""
    beside = other.identity.region == trail.identity.region and not trail.is_multi_region_trail
    if not (other.is_multi_region_trail or beside):
        return False
    return other.reaches_iam or not trail.reaches_iam
