"""What the fake believes about AgentCore where sources disagree or nobody has tried it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Belief:
    """One reading of AWS that the fake or the CloudTrail emitter acts on, and where it is from."""

    statement: str
    source: str
    tried_live: bool = False


_MODEL = "botocore 1.44.5 service model bedrock-agentcore-control"
_GUIDE = "AgentCore developer guide"
_REFUSE = "nobody tried it; refused, since a remediation would rely on it"
_WORSE = "undocumented; the reading that is worse for the user"

BELIEFS: tuple[Belief, ...] = (
    Belief(
        "UpdateAgentRuntime resets every optional member that is omitted; without "
        "networkConfiguration the runtime is PUBLIC.",
        "AWS sample notebooks say full replacement, the API reference is silent",
    ),
    Belief(
        "UpdateGateway resets every optional member that is omitted.",
        f"{_MODEL}, UpdateGateway",
    ),
    Belief(
        "A full replacement also loses members that this botocore does not know.",
        _WORSE,
    ),
    Belief(
        "The authorizer type of an existing gateway cannot be changed: 400 ValidationException.",
        "cloudformation-coverage-roadmap issue 2578; terraform-provider-aws pull request 44812",
    ),
    Belief(
        "The name in UpdateGateway must equal the gateway's name.",
        f"{_MODEL}, UpdateGateway name",
    ),
    Belief(
        "UpdateGatewayTarget and UpdateWorkloadIdentity replace; only a target's name is kept.",
        "inferred from the PUT and from UpdateGateway",
    ),
    Belief(
        "UpdateMemory resets omitted scalars and stream deliveries; strategies and indexed keys "
        "change only as listed.",
        "PUT with add/modify/delete lists; omission unproven",
    ),
    Belief(
        "UpdateHarness keeps what is omitted; an optionalValue wrapper without value clears.",
        f"{_MODEL}, UpdatedAuthorizerConfiguration",
    ),
    Belief(
        "A harness's environment that is given without networkConfiguration becomes PUBLIC.",
        _WORSE,
    ),
    Belief(
        "A harness owns an agent runtime named harness_<name>, listed like any other, that "
        "mirrors its authorizer and cannot be updated or deleted by itself.",
        f"{_MODEL}, HarnessAgentCoreRuntimeEnvironment; {_REFUSE}",
    ),
    Belief(
        "A harness has no DEFAULT endpoint; UpdateHarnessEndpoint keeps what is omitted.",
        f"{_MODEL}, PATCH; a DEFAULT endpoint is documented for runtimes only",
    ),
    Belief(
        "Every update of a runtime or harness makes an immutable version; DEFAULT moves to it, "
        "named endpoints stay.",
        f"{_GUIDE}, agent-runtime-versioning",
    ),
    Belief(
        "The DEFAULT endpoint cannot be updated or deleted; a version that an endpoint serves, "
        "and the newest, cannot be deleted; a runtime with named endpoints cannot be deleted.",
        _REFUSE,
    ),
    Belief(
        "New runtimes require MMDSv2 and cannot be told otherwise; a runtime that does not "
        "require it cannot be invoked.",
        "developer guide (runtime MMDS page); terraform-provider-aws pull request 48874",
    ),
    Belief(
        "While a resource is CREATING, UPDATING, DELETING, SYNCHRONIZING or *_PENDING_AUTH, "
        "changes of it are answered with ConflictException.",
        f"{_GUIDE} and {_MODEL}",
    ),
    Belief(
        "A gateway with targets cannot be deleted: ValidationException 'has targets associated "
        "with it', even for a while after the last target has left the list.",
        "awslabs/agentcore-samples pull request 1954 (the delay is not simulated)",
    ),
    Belief(
        "A policy engine with policies, or named by a gateway, cannot be deleted.",
        f"{_MODEL}, DeletePolicyEngine for policies; for gateways: {_REFUSE}",
    ),
    Belief(
        "A gateway's policy engine must exist in its account and Region and be ACTIVE.",
        _REFUSE,
    ),
    Belief(
        "A JWT authorizer needs at least one of audience, clients, scopes and custom claims.",
        f"{_GUIDE}, inbound-jwt-authorizer; the model requires only discoveryUrl",
    ),
    Belief(
        "Resource policies exist for runtimes, their endpoints and gateways, not for memories.",
        f"{_MODEL} names runtime and gateway, the developer guide adds endpoint and memory",
    ),
    Belief(
        "A resource policy's Resource is the exact ARN; a JWT resource needs Principal *.",
        f"{_GUIDE}, resource-based-policies",
    ),
    Belief(
        "GetResourcePolicy and DeleteResourcePolicy without policy: ResourceNotFoundException.",
        "undocumented",
    ),
    Belief(
        "The summary of a runtime without description shows its name there.",
        f"{_MODEL}, AgentRuntime description is required; what stands there is undocumented",
    ),
    Belief(
        "A target made without credentialProviderConfigurations answers an empty list, which the "
        "same member of an update refuses.",
        f"{_MODEL}: optional in requests, required and not empty in answers; {_WORSE}",
    ),
    Belief(
        "Credential providers have ARNs of bedrock-agentcore, not of acps.",
        "IAM service authorization reference and AWS CDK; the model's pattern says acps",
    ),
    Belief(
        "Payment managers have ARNs of a partition; the model's pattern allows only none.",
        "IAM service authorization reference",
    ),
    Belief(
        "The same clientToken with the same parameters gives the same answer, with others a "
        "ConflictException.",
        f"{_MODEL}, ClientToken",
    ),
    Belief(
        "CloudTrail writes members with the sensitive trait, and the name and description of a "
        "gateway, as ***; environmentVariables as one string.",
        f"{_GUIDE}, understanding-gateway-cloudtrail-log-entries; for the rest {_WORSE}",
    ),
    Belief(
        "CloudTrail events of commands hold neither request nor response payload; the target "
        "stands in requestParameters and resources, or in resources only.",
        f"{_GUIDE}, runtime-execute-command; no public sample",
    ),
    Belief(
        "InvokeAgentRuntimeCommand and InvokeAgentRuntimeCommandShell are data events of the "
        "types Runtime and RuntimeEndpoint, delivered only to a trail that selects them.",
        "AWS security assessment check AC-18; the command page names no category",
    ),
    Belief(
        "requestParameters and responseElements over 100 KB are left out; an object with reason, "
        "omitted and originalSize stands there.",
        "CloudTrail user guide, record contents; the object as in published records",
    ),
    Belief(
        "A call that was refused for lack of rights has no requestParameters.",
        "TrailDiscover's samples, where both occur; the reading that is worse for the user",
    ),
    Belief(
        "Records of harness operations name no resource.",
        "CloudTrail user guide: no event selector type for a harness",
    ),
    Belief(
        "An organization trail delivers a member account's events in the member account.",
        "EventBridge user guide, events via CloudTrail; inferred for organization trails",
    ),
)
