"""The team's policy: members, lists, settings, modes and exemptions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails

from sentinel import catalog
from sentinel.arn import iam_region, partition_of
from sentinel.iam import any_matches
from sentinel.rule import Rule
from sentinel.subject import Identity


class Mode(StrEnum):
    """How far the sentinel goes with a finding of a rule."""

    OFF = "off"
    SHADOW = "shadow"
    APPROVE = "approve"
    AUTO = "auto"


def _unquoted_off(value: object) -> object:
    """YAML 1.1 reads ``off`` without quotes as false; nobody who writes it means that."""
    return Mode.OFF if value is False else value


AccountId = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Patterns = Annotated[frozenset[Text], PlainSerializer(sorted, list[str])]
AnyMode = Annotated[Mode, BeforeValidator(_unquoted_off)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Member(_Section):
    """An account that is watched, and in which Regions.

    Where none is named, events of all are judged; a sweep reads those that the hub was deployed
    with.
    """

    account: AccountId
    alias: str = ""
    regions: tuple[str, ...] = ()


class Lists(_Section):
    """Who and what the team trusts; patterns of ARNs, names or hosts with ``*`` and ``?``.

    An empty list silences nobody.
    """

    trusted_accounts: Annotated[frozenset[AccountId], PlainSerializer(sorted)] = frozenset()
    trusted_buckets: Patterns = frozenset()
    issuers: Patterns = frozenset()
    destinations: Patterns = frozenset()
    deployers: Patterns = frozenset()
    shell_users: Patterns = frozenset()
    approvers: Patterns = frozenset()
    agents: Patterns = frozenset()


class Modes(_Section):
    """The mode of every rule, and of those that differ."""

    default: AnyMode = Mode.SHADOW
    rules: Mapping[str, AnyMode] = {}


class Exemption(_Section):
    """A reviewed permission to violate a rule, with an owner, a reason and an end.

    *resource* is a pattern of the resource's ARN, key or name.
    """

    rule: str
    resource: Text
    account: AccountId | None = None
    owner: Text
    reason: Text
    expires: datetime

    def covers(self, rule: str, subject: Identity, now: datetime) -> bool:
        """Whether the exemption is valid *now* for a rule and a subject."""
        return (
            self.rule == rule
            and now < self.ends
            and self.account in (None, subject.account)
            and any(any_matches((self.resource,), text) for text in (subject.key, subject.name))
        )

    @property
    def ends(self) -> datetime:
        """The end as an aware time; a date without zone is UTC."""
        return self.expires.replace(tzinfo=self.expires.tzinfo or UTC)


class Policy(_Section):
    """Everything that a team decides. The default has no exemption and only shadows."""

    version: int = Field(default=1, ge=1, le=1)
    members: tuple[Member, ...] = ()
    lists: Lists = Lists()
    settings: Mapping[str, Mapping[str, Any]] = {}
    modes: Modes = Modes()
    disabled: Patterns = frozenset()
    exemptions: tuple[Exemption, ...] = ()

    def admits(self, account: str, region: str) -> bool:
        """Whether an account and Region are watched. Without members every one is.

        The Region in which IAM is told is watched for every member.
        """
        everywhere = region == iam_region(partition_of(region))
        return not self.members or any(
            member.account == account
            and (everywhere or not member.regions or region in member.regions)
            for member in self.members
        )

    def alias(self, account: str) -> str:
        """The team's name for an account, or nothing."""
        return next((m.alias for m in self.members if m.account == account), "")

    def exemption(self, rule: str, subject: Identity, now: datetime) -> Exemption | None:
        """The exemption that covers a finding now; the one that lasts longest."""
        covering = [e for e in self.exemptions if e.covers(rule, subject, now)]
        return max(covering, key=lambda e: e.ends, default=None)

    def settings_for(self, rule: Rule) -> dict[str, Any]:
        """The settings of a rule: the team's, else the list of the same name, else the default."""
        chosen: dict[str, Any] = {}
        for name, setting in rule.settings.items():
            if name in self.settings.get(rule.id, {}):
                adapter = TypeAdapter(setting.type)
                chosen[name] = adapter.validate_python(self.settings[rule.id][name])
            elif name in Lists.model_fields:
                chosen[name] = getattr(self.lists, name)
        return chosen

    def document(self) -> str:
        """The policy as the JSON that functions read; the same policy gives the same text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


class PolicyError(ValueError):
    """A policy that cannot be used; *problems* says where, what was expected, and what to do."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def parse(document: object) -> Policy:
    """Read a policy document and check it against the catalog. Raises PolicyError with all
    problems.
    """
    if not isinstance(document, Mapping):
        raise PolicyError(("policy: expected a mapping with members, lists, settings, exemptions",))
    try:
        policy = Policy.model_validate(document)
    except ValidationError as error:
        raise PolicyError(tuple(_problem(details) for details in error.errors())) from None
    problems = tuple(_against_catalog(policy))
    if problems:
        raise PolicyError(problems)
    return policy


def unread(policy: Policy) -> Iterator[str]:
    """What a policy says and nothing of this version reads: lists without rule, and modes."""
    read = {name for rule in catalog.rules().values() for name in rule.settings}
    for name in Lists.model_fields:
        if name not in read and getattr(policy.lists, name):
            yield f"lists.{name}: no rule of this version reads it"
    if policy.modes != Modes():
        yield "modes: nothing of this version reads them, since it repairs nothing"


def _problem(details: ErrorDetails, within: str = "") -> str:
    """Where an error is and what was expected there, in words that do not need the code."""
    place = ".".join(str(part) for part in (*([within] if within else ()), *details["loc"]))
    expected = details["msg"]
    if details["type"] == "extra_forbidden":
        expected = "there is no such entry; docs/policy.schema.json lists them"
    elif details["type"] == "missing":
        expected = "is missing"
    elif details["type"] == "string_pattern_mismatch":
        expected = "expected an account id of 12 digits"
    elif details["type"] == "string_type" and isinstance(details["input"], int | float):
        expected = "expected a text; put the number into quotes"
    elif details["type"] in ("frozen_set_type", "tuple_type"):
        expected = "expected a list"
    elif details["type"] in ("model_type", "dict_type", "mapping_type"):
        expected = "expected a mapping"
    return f"{place}: {expected}"


def _against_catalog(policy: Policy) -> Iterator[str]:
    rules = catalog.rules()
    accounts = [member.account for member in policy.members]
    for index, account in enumerate(accounts):
        if account in accounts[:index]:
            yield f"members.{index}.account: {account} is a member already; name all Regions there"
    named = [
        *(("modes.rules", rule) for rule in policy.modes.rules),
        *(("settings", rule) for rule in policy.settings),
        *(("disabled", rule) for rule in policy.disabled),
        *((f"exemptions.{i}.rule", e.rule) for i, e in enumerate(policy.exemptions)),
    ]
    for place, rule in named:
        if rule not in rules:
            yield f"{place}: there is no rule {rule!r}; `sentinel rules` lists them"
    for rule, settings in policy.settings.items():
        for name, value in settings.items() if rule in rules else ():
            setting = rules[rule].settings.get(name)
            if setting is None:
                known = ", ".join(rules[rule].settings) or "none"
                yield f"settings.{rule}: no setting {name!r}; it has {known}"
                continue
            try:
                TypeAdapter(setting.type).validate_python(value)
            except ValidationError as error:
                yield _problem(error.errors()[0], f"settings.{rule}.{name}")
