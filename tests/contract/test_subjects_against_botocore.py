"""Every subject says what AWS says: members, operations and rights under AWS's exact names."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.session import Session
from sentinel import agentcore, arn, catalog
from sentinel.iam import ACTIONS, Action
from sentinel.seen import Field, Part, fields
from sentinel.subject import Effect, Resource, Subject
from sentinel.subjects import (
    AgentRuntime,
    CommandRun,
    Gateway,
    GatewayTarget,
    Harness,
    IamPolicy,
    IamTrust,
    ResourcePolicy,
    Trail,
)
from sentinel_cli import generate

SERVICES = {
    "bedrock-agentcore.amazonaws.com": ("bedrock-agentcore-control", "bedrock-agentcore"),
    "bedrock-agentcore-control.amazonaws.com": ("bedrock-agentcore-control", "bedrock-agentcore"),
    "iam.amazonaws.com": ("iam",),
    "cloudtrail.amazonaws.com": ("cloudtrail",),
}
NOT_IN_THE_MODEL = {"InvokeAgentRuntimeCommandShell"}
"""A WebSocket operation: it is an IAM action and in CloudTrail, and no SDK has it (AgentCore
Developer Guide, "Open an interactive shell")."""
OUR_OWN = {
    Trail: {"recordsWrites", "deleted"},
    IamPolicy: {"default"},
}
"""Members that no operation has: what was made of several answers, or of the call itself."""
ANSWERS = {
    ResourcePolicy: ("bedrock-agentcore-control", "GetResourcePolicy", ()),
    CommandRun: ("bedrock-agentcore", "InvokeAgentRuntimeCommand", None),
}
NOT_IN_THE_REFERENCE = {"bedrock-agentcore:GetResourcePolicy": {"harness"}}
"""A harness is asked for its resource policy under its own ARN; nobody has tried it. If AWS
refuses, the finding stands as it is and the read is a gap."""
KINDS = list(catalog.subjects().values())
RESOURCES = [kind for kind in KINDS if issubclass(kind, Resource)]
READ = [kind for kind in RESOURCES if kind.reading]


@cache
def model(service: str) -> ServiceModel:
    return Session().get_service_model(service)


def structure(shape: Shape | None) -> StructureShape:
    assert isinstance(shape, StructureShape), shape
    return shape


def answer(kind: type[Resource]) -> StructureShape:
    """The shape of the state in the answer of a kind's get call."""
    assert kind.reading
    found = structure(model(kind.reading.service).operation_model(kind.reading.get).output_shape)
    return structure(found.members[kind.reading.wrapper]) if kind.reading.wrapper else found


def against(part: type[Part], shape: StructureShape, path: str) -> Iterator[str]:
    """What a part declares and the shape does not have, or has in another form."""
    for field in fields(part).values():
        where = f"{path}.{field.member}"
        found = shape.members.get(field.member)
        if found is None:
            spelled = [name for name in shape.members if name.lower() == field.member.lower()]
            yield f"{where} is not in {shape.name}" + (
                f"; AWS says {spelled[0]}" if spelled else ""
            )
            continue
        yield from against_value(field, found, where)


def against_value(field: Field, shape: Shape, where: str) -> Iterator[str]:
    if field.part is None:
        if isinstance(shape, StructureShape):
            yield f"{where} is a structure in AWS"
        return
    if field.many:
        if not isinstance(shape, ListShape):
            yield f"{where} is no list in AWS"
            return
        shape = shape.member
    if isinstance(shape, StructureShape):
        yield from against(field.part, shape, where)
    else:
        yield f"{where} is no structure in AWS"


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.kind)
def test_every_declared_member_is_in_the_answer_under_awss_exact_name(
    kind: type[Resource],
) -> None:
    assert list(against(kind, answer(kind), kind.kind)) == []


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.kind)
def test_a_member_without_a_default_is_one_that_the_model_requires(kind: type[Resource]) -> None:
    assert kind.reading
    create = next(name for name, effect in kind.events.items() if effect is Effect.CREATES)
    request = structure(model(kind.reading.service).operation_model(create).input_shape)
    required = set(answer(kind).required_members) | set(request.required_members)
    always = {field.member for field in fields(kind).values() if type(field.default) is object}
    assert always <= required


@pytest.mark.parametrize(
    "kind, operation",
    [
        (kind, operation)
        for kind in READ
        for operation, effect in kind.events.items()
        if effect in (Effect.CREATES, Effect.REPLACES, Effect.PATCHES)
    ],
    ids=lambda value: value if isinstance(value, str) else value.kind,
)
def test_what_a_call_can_send_is_spelled_there_as_in_the_answer(
    kind: type[Resource], operation: str
) -> None:
    assert kind.reading
    request = structure(model(kind.reading.service).operation_model(operation).input_shape)
    sent = [f for f in fields(kind).values() if f.member in request.members]
    found = []
    for field in sent:
        shape = request.members[field.member]
        if isinstance(shape, StructureShape) and set(shape.members) == {"optionalValue"}:
            shape = shape.members["optionalValue"]
        found += list(against_value(field, shape, f"{operation}.{field.member}"))
    assert found == []
    assert sent


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_event_is_an_operation_of_its_source(kind: type[Subject]) -> None:
    for source in kind.sources:
        known = {name for s in SERVICES[source] for name in model(s).operation_names}
        assert set(kind.events) - known - NOT_IN_THE_MODEL == set()


def test_the_exception_is_an_action_in_iam() -> None:
    names = {action.name for action in ACTIONS}
    assert {f"bedrock-agentcore:{name}" for name in NOT_IN_THE_MODEL} <= names


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.kind)
def test_list_and_get_exist_with_these_parameters(kind: type[Resource]) -> None:
    how = kind.reading
    assert how
    service = model(how.service)
    listing, getting = service.operation_model(how.list), service.operation_model(how.get)
    asked, got = structure(listing.input_shape), structure(getting.input_shape)
    assert how.get_id in got.members
    assert {"maxResults", "nextToken"} <= set(asked.members)
    if how.parent_id:
        assert how.parent_id in asked.members
        assert how.parent_id in got.members
    if how.version:
        assert how.version in got.members
        assert how.version in answer(kind).members
    assert "nextToken" in structure(listing.output_shape).members
    limits = asked.members["maxResults"].metadata
    assert limits["min"] <= how.page_size <= limits["max"]


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.kind)
def test_a_list_is_one_list_whose_items_hold_the_id(kind: type[Resource]) -> None:
    how = kind.reading
    assert how
    output = structure(model(how.service).operation_model(how.list).output_shape)
    lists = [shape for shape in output.members.values() if isinstance(shape, ListShape)]
    assert len(lists) == 1
    assert how.listed_id in structure(lists[0].member).members


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.kind)
def test_the_time_of_the_last_change_is_in_the_answer(kind: type[Resource]) -> None:
    assert answer(kind).members[kind.updated].type_name == "timestamp"


@pytest.mark.parametrize("kind", RESOURCES, ids=lambda kind: kind.kind)
def test_every_right_that_a_read_needs_is_an_action_of_its_service(kind: type[Resource]) -> None:
    agentcore_actions = {action.name for action in ACTIONS}
    for right in kind.reads():
        service, name = right.split(":")
        if service == "bedrock-agentcore":
            assert right in agentcore_actions
        else:
            assert name in model(service).operation_names


@pytest.mark.parametrize(
    "action", [a for a in ACTIONS if a.name in generate.RESOURCES], ids=lambda a: a.name
)
def test_a_right_is_limited_to_resources_where_iam_knows_some(action: Action) -> None:
    types = {name.split(":")[1] for name in action.resource_types} | NOT_IN_THE_REFERENCE.get(
        action.name, set()
    )
    limits = generate.RESOURCES[action.name]
    assert (limits == (generate.ANY,)) == (not types)
    assert all(
        limit == generate.ANY or limit.split(":")[3].split("/")[0] in types for limit in limits
    )


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.kind)
def test_the_rights_are_those_of_the_calls_that_are_made(kind: type[Resource]) -> None:
    assert kind.reading
    names = {right.split(":")[1] for right in kind.reading.actions}
    assert names == {kind.reading.list, kind.reading.get}


def test_a_resource_policy_is_read_as_it_is_declared() -> None:
    service, operation, _ = ANSWERS[ResourcePolicy]
    output = structure(model(service).operation_model(operation).output_shape)
    assert list(against(ResourcePolicy, output, "policy")) == []


def test_a_command_is_called_with_what_is_declared() -> None:
    service, operation, _ = ANSWERS[CommandRun]
    request = structure(model(service).operation_model(operation).input_shape)
    assert list(against(CommandRun, request, "command")) == []
    assert "command" not in {field.member for field in fields(CommandRun).values()}


def test_a_trail_is_described_as_it_is_declared() -> None:
    service = model("cloudtrail")
    described = structure(service.shape_for("Trail"))
    status = structure(service.operation_model("GetTrailStatus").output_shape)
    declared = {field.member for field in fields(Trail).values()} - OUR_OWN[Trail]
    assert declared <= set(described.members) | set(status.members)


def test_iams_documents_are_named_as_the_calls_name_them() -> None:
    """CloudTrail writes IAM's parameters with a small first letter."""
    service = model("iam")

    def sends(operation: str) -> set[str]:
        members = structure(service.operation_model(operation).input_shape).members
        return {name[0].lower() + name[1:] for name in members}

    (document,) = {f.member for f in fields(IamPolicy).values()} - OUR_OWN[IamPolicy]
    for operation, effect in IamPolicy.events.items():
        if effect is Effect.CREATES:
            assert document in sends(operation)
    assert {f.member for f in fields(IamTrust).values()} <= sends("CreateRole")
    assert {"policyDocument", "roleName"} <= sends("UpdateAssumeRolePolicy")


@pytest.mark.parametrize(
    "kind, members",
    [
        (Gateway, ("gatewayArn", "gatewayIdentifier", "gatewayId")),
        (AgentRuntime, ("agentRuntimeArn", "agentRuntimeId")),
        (Harness, ("harnessArn", "arn", "harnessId")),
        (GatewayTarget, ("targetId", "gatewayIdentifier", "gatewayArn")),
    ],
)
def test_each_call_names_its_resource_by_a_member_that_is_looked_at(
    kind: type[Resource], members: tuple[str, ...]
) -> None:
    assert kind.reading
    for operation in kind.events:
        calling = model(kind.reading.service).operation_model(operation)
        told: dict[str, Any] = dict(structure(calling.input_shape).members)
        answered = structure(calling.output_shape)
        told |= answered.members
        if kind.reading.wrapper and kind.reading.wrapper in answered.members:
            told |= structure(answered.members[kind.reading.wrapper]).members
        assert set(members) & set(told), operation


def test_sensitive_members_of_the_model_are_marked_or_not_declared() -> None:
    found = [
        f"{kind.kind}.{field.member}"
        for kind in READ
        for field in fields(kind).values()
        if _sensitive(answer(kind).members[field.member]) and not field.sensitive
    ]
    assert found == []


def _sensitive(shape: Shape) -> bool:
    nested = isinstance(shape, MapShape) and _sensitive(shape.value)
    return bool(shape.metadata.get("sensitive")) or nested


def test_update_gateway_says_itself_that_it_resets_what_is_left_out() -> None:
    documented = model("bedrock-agentcore-control").operation_model("UpdateGateway").documentation
    shape = structure(
        model("bedrock-agentcore-control").operation_model("UpdateGateway").input_shape
    )
    text = documented + "".join(m.documentation for m in shape.members.values())
    assert "omit" in text
    assert Gateway.events["UpdateGateway"] is Effect.REPLACES


@pytest.mark.parametrize(
    "kind, operation, method",
    [(Harness, "UpdateHarness", "PATCH"), (Gateway, "UpdateGateway", "PUT")],
)
def test_the_verb_of_an_update_fits_what_it_is_taken_for(
    kind: type[Resource], operation: str, method: str
) -> None:
    assert kind.reading
    assert model(kind.reading.service).operation_model(operation).http["method"] == method
    replaces = kind.events[operation] is Effect.REPLACES
    assert replaces == (method == "PUT")


def test_agentcores_sources_are_its_two_endpoints() -> None:
    prefixes = {model(s).endpoint_prefix for s in SERVICES["bedrock-agentcore.amazonaws.com"]}
    assert {f"{prefix}.amazonaws.com" for prefix in prefixes} == set(agentcore.SOURCES)


def partitions() -> list[dict[str, Any]]:
    loaded: dict[str, Any] = Loader().load_data("endpoints")
    return list(loaded["partitions"])


@pytest.mark.parametrize("partition", partitions(), ids=lambda p: p["partition"])
def test_every_region_lies_in_the_partition_that_its_name_says(partition: dict[str, Any]) -> None:
    wrong = [r for r in partition["regions"] if arn.partition_of(r) != partition["partition"]]
    assert wrong == []


def with_iam() -> list[dict[str, Any]]:
    """The partitions of which botocore knows an endpoint of IAM."""
    return [partition for partition in partitions() if "iam" in partition["services"]]


@pytest.mark.parametrize("partition", with_iam(), ids=lambda p: p["partition"])
def test_iam_is_told_in_the_one_region_that_signs_for_it(partition: dict[str, Any]) -> None:
    iam = partition["services"]["iam"]
    endpoint = iam["endpoints"][iam["partitionEndpoint"]]
    expected = endpoint["credentialScope"]["region"]
    assert arn.iam_region(partition["partition"]) == expected
