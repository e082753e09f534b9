"""Present, absent and unseen stay apart: in memory, in nested parts, and in what is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentinel import catalog
from sentinel.seen import (
    REDACTIONS,
    UNSEEN,
    Field,
    Member,
    NotKnown,
    Part,
    Sensitive,
    fields,
    redacted,
)
from sentinel.subject import Identity, Resource, Subject
from sentinel.subjects import AgentRuntime, Gateway, Harness

from tests.unit.worlds import identity, make

RESOURCES = [kind for kind in catalog.subjects().values() if issubclass(kind, Resource)]


class Hook(Part):
    """A part of a part."""

    arn: str


class Tool(Part):
    """One of many parts."""

    name: str
    hook: Hook | None = None


class Thing(Resource):
    """A resource with a member of every kind."""

    kind: ClassVar[str] = "thing"

    url: Annotated[str, Member("URL")]
    tool: Tool | None = None
    tools: tuple[Tool, ...] = ()
    names: tuple[str, ...] = ()
    enabled: bool = True
    environment_variables: Annotated[dict[str, str] | None, Sensitive()] = None
    secret_tool: Annotated[Tool | None, Sensitive()] = None


def thing(members: Mapping[str, Any], *, complete: bool = True) -> Thing:
    return make(Thing, members, complete=complete)  # type: ignore[no-any-return]


def not_known(part: Part, name: str) -> NotKnown:
    with pytest.raises(NotKnown) as caught:
        getattr(part, name)
    return caught.value


def test_a_member_that_is_there_is_its_value() -> None:
    seen = thing({"URL": "https://x", "tools": [{"name": "a"}, {"name": "b"}], "names": ["n"]})
    assert (seen.url, [t.name for t in seen.tools], seen.names) == ("https://x", ["a", "b"], ("n",))


@pytest.mark.parametrize("members", [{}, {"tools": None}])
def test_an_absent_or_null_member_of_a_complete_state_is_its_default(
    members: dict[str, Any],
) -> None:
    assert thing(members).tools == ()
    assert thing(members).tool is None


def test_a_member_that_a_part_of_a_state_leaves_out_is_unseen() -> None:
    assert str(not_known(thing({}, complete=False), "tools")) == "tools: was not seen"


def test_a_null_in_a_part_of_a_state_is_absent() -> None:
    assert thing({"tool": None}, complete=False).tool is None


def test_a_member_that_aws_always_gives_is_not_known_when_it_is_missing() -> None:
    assert not_known(thing({}), "url").path == "URL"


@pytest.mark.parametrize("mark", sorted(REDACTIONS))
@pytest.mark.parametrize("name, member", [("url", "URL"), ("tool", "tool"), ("tools", "tools")])
def test_a_redacted_member_is_unseen_whatever_its_type(mark: str, name: str, member: str) -> None:
    assert not_known(thing({member: mark}), name).reason == "was redacted by AWS"


def test_a_list_with_a_redacted_element_is_unseen() -> None:
    assert not_known(thing({"names": ["a", "***"]}), "names").reason == "was redacted by AWS"


@pytest.mark.parametrize(
    "name, value",
    [
        ("url", 7),
        ("url", {"a": 1}),
        ("tool", "a text"),
        ("tool", []),
        ("tools", {"name": "a"}),
        ("tools", "abc"),
        ("tools", ["a"]),
        ("names", "abc"),
        ("names", [1]),
        ("enabled", "perhaps"),
    ],
)
def test_a_member_that_does_not_validate_is_unseen_with_its_reason(name: str, value: Any) -> None:
    member = fields(Thing)[name].member
    error = not_known(thing({member: value}), name)
    assert "is not what was expected (" in error.reason
    assert str(value) not in error.reason


def test_nested_redaction_leaves_the_rest_of_the_object_readable() -> None:
    engine = make(Gateway, {"policyEngineConfiguration": {"arn": "***", "mode": "ENFORCE"}})
    assert engine.policy_engine_configuration.mode == "ENFORCE"
    assert not_known(engine.policy_engine_configuration, "arn").path == (
        "policyEngineConfiguration.arn"
    )


def test_what_is_not_known_names_its_full_path() -> None:
    seen = thing({"tools": [{"name": "a"}, {"name": "b", "hook": {"arn": "REDACTED"}}]})
    hook = seen.tools[1].hook
    assert hook is not None
    assert not_known(hook, "arn").path == "tools[1].hook.arn"


def test_a_member_that_no_rule_touches_costs_nothing_however_wrong_it_is() -> None:
    seen = thing({"URL": "https://x", "tools": object(), "enabled": object()})
    assert seen.url == "https://x"


def test_a_member_is_validated_once() -> None:
    seen = thing({"tools": [{"name": "a"}]})
    assert seen.tools is seen.tools


def test_members_that_aws_adds_one_day_are_no_error() -> None:
    assert thing({"URL": "x", "brandNew": {"a": [1]}}).url == "x"


def test_an_undeclared_member_is_an_error_of_the_rule() -> None:
    with pytest.raises(AttributeError, match="Thing has no member 'colour'"):
        thing({}).colour  # type: ignore[attr-defined]  # noqa: B018


def test_what_aws_said_cannot_be_set() -> None:
    with pytest.raises(AttributeError, match="cannot be set"):
        thing({}).enabled = False


def test_every_touch_of_an_absent_member_is_noted_as_an_omission() -> None:
    seen = thing({"URL": "x", "tools": [{"name": "a"}]})
    for _ in range(2):
        with seen.noting_omissions() as omitted:
            assert (seen.tool, seen.tools[0].hook, seen.url) == (None, None, "x")
        assert omitted == {"tool", "tools[0].hook"}


def test_omissions_noted_inside_another_block_do_not_leave_it() -> None:
    seen = thing({})
    with seen.noting_omissions() as outer:
        assert seen.enabled
        with seen.noting_omissions() as inner:
            assert seen.tool is None
        assert seen.names == ()
    assert (outer, inner) == ({"enabled", "names"}, {"tool"})


def test_a_sensitive_member_is_looked_at_and_never_stored() -> None:
    seen = thing({"environmentVariables": {"KEY": "hunter2"}, "secretTool": {"name": "hunter2"}})
    assert seen.environment_variables == {"KEY": "hunter2"}
    assert seen.secret_tool is not None
    assert "hunter2" not in json.dumps(seen.state())
    again = Thing.restored(identity(Thing), seen.state())
    assert not_known(again, "environment_variables")
    assert not_known(again, "secret_tool")


def test_an_absent_sensitive_member_is_absent_again_after_it_was_stored() -> None:
    again = Thing.restored(identity(Thing), thing({"environmentVariables": None}).state())
    assert again.environment_variables is None
    assert again.secret_tool is None


def test_undeclared_members_are_not_stored_at_any_depth() -> None:
    state = thing({"more": "hunter2", "tool": {"name": "a", "more": "hunter2"}}).state()
    assert state["seen"] == {"tool": {"name": "a"}}


def test_a_text_where_an_object_belongs_is_not_stored() -> None:
    state = thing({"tool": "hunter2", "tools": ["hunter2", {"name": "a"}]}).state()
    assert state["seen"] == {"tool": UNSEEN, "tools": [UNSEEN, {"name": "a"}]}


def test_a_state_of_a_version_to_come_is_refused() -> None:
    with pytest.raises(ValueError, match="of version 2"):
        Thing.restored(identity(Thing), {"v": 2, "seen": {}, "complete": True})


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=8),
    st.sampled_from(sorted(REDACTIONS)),
    st.lists(st.one_of(st.none(), st.text(max_size=4), st.sampled_from(sorted(REDACTIONS)))),
    st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
)


def parts(part: type[Part]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {}, optional={field.member: values(field) for field in fields(part).values()}
    )


def values(field: Field) -> st.SearchStrategy[Any]:
    if field.part is None:
        return JUNK
    nested = st.deferred(lambda: parts(field.part))  # type: ignore[arg-type]
    if field.many:
        return st.one_of(JUNK, st.lists(st.one_of(nested, JUNK), max_size=3))
    return st.one_of(JUNK, nested)


def looks(part: Part, path: str = "") -> Iterator[tuple[str, object]]:
    """What touching every member gives, at every depth; one that cannot be seen gives UNSEEN."""
    for name, field in fields(type(part)).items():
        where = f"{path}.{field.member}"
        try:
            value = getattr(part, name)
        except NotKnown:
            yield where, NotKnown
            continue
        if field.part is None or value is None:
            yield where, value
            continue
        inside = value if field.many else (value,)
        yield where, len(inside)
        for index, one in enumerate(inside):
            yield from looks(one, f"{where}[{index}]")


@pytest.mark.parametrize("kind", RESOURCES, ids=lambda kind: kind.kind)
@given(data=st.data(), complete=st.booleans())
def test_a_stored_state_is_seen_as_it_was(
    kind: type[Resource], data: st.DataObject, complete: bool
) -> None:
    of = Identity("aws", "444455556666", "eu-central-1", kind.kind, "key", "name")
    before = kind.seen(of, data.draw(parts(kind)), complete=complete)
    stored = json.loads(json.dumps(before.state()))
    assert list(looks(kind.restored(of, stored))) == list(looks(before))


@given(data=st.data())
def test_only_sensitive_members_are_lost_in_the_store(data: st.DataObject) -> None:
    members = data.draw(parts(Thing))
    before, after = thing(members), Thing.restored(identity(Thing), thing(members).state())
    secret = (".environmentVariables", ".secretTool")
    known = [look for look in looks(before) if not look[0].startswith(secret)]
    assert [look for look in looks(after) if not look[0].startswith(secret)] == known


@given(JUNK)
def test_what_is_redacted_is_told_without_an_error(value: object) -> None:
    assert redacted(value) in (True, False)


def test_a_harness_update_clears_what_it_wraps_and_leaves_the_rest_unseen() -> None:
    cleared = make(Harness, {"authorizerConfiguration": None}, complete=False)
    assert cleared.authorizer_configuration is None
    assert not_known(cleared, "environment_artifact")


def test_aws_spells_jwt_in_capitals() -> None:
    assert "customJWTAuthorizer" in {
        field.member
        for field in fields(fields(AgentRuntime)["authorizer_configuration"].part).values()  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("updated, old", [(-3, True), (-1, False), (0, False), (5, False)])
def test_a_read_from_before_an_event_is_recognised(updated: int, old: bool) -> None:
    event = datetime(2026, 9, 22, 10, 11, 12, tzinfo=UTC)
    seen = make(Gateway, {"updatedAt": event + timedelta(seconds=updated)})
    assert seen.predates(event) is old


def test_a_resource_that_does_not_tell_when_it_changed_predates_nothing() -> None:
    assert not make(Gateway, {}).predates(datetime.now(UTC))


def test_every_subject_says_what_it_is() -> None:
    for kind in catalog.subjects().values():
        assert kind.__doc__, kind
        assert kind.sources and kind.events, kind
        assert issubclass(kind, Subject)
