"""One request to the CloudFormation API: its parameters, and the deployment that it asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote, urlparse

from embedded_account.cloudformation import api_shapes as shapes
from embedded_account.cloudformation.change_set import ChangeSet
from embedded_account.cloudformation.deployed import Deployed, Stack
from embedded_account.cloudformation.errors import TemplateError
from embedded_account.cloudformation.resource_type import Clients
from embedded_account.cloudformation.sam import transform, transforms_of
from embedded_account.cloudformation.stack import Deployment
from embedded_account.cloudformation.template_text import read_template

# Accepted with these values only: anything else would be a promise that is not kept.
_UNSUPPORTED: Final[Mapping[str, tuple[Any, ...]]] = {
    "DeletionMode": ("STANDARD",),
    "DeploymentMode": (),
    "DisableRollback": (False,),
    "EnableTerminationProtection": (False,),
    "ImportExistingResources": (False,),
    "IncludeNestedStacks": (False,),
    "NotificationARNs": ([],),
    "OnFailure": ("ROLLBACK",),
    "OnStackFailure": ("ROLLBACK",),
    "ResourceTypes": ([],),
    "ResourcesToImport": ([],),
    "RetainExceptOnCreate": (False,),
    "RetainResources": ([],),
    "RoleARN": (),
    "RollbackConfiguration": ({},),
    "StackPolicyBody": (),
    "StackPolicyURL": (),
}


class RefusedError(Exception):
    """A call that the API refuses, with the *code* that it answers."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class ApiState:
    """What the API knows beyond the stacks: the change sets, and how to reach an account."""

    clients_for: Callable[[str, str], Clients]
    deployed: Deployed
    now: Callable[[], datetime] = utc_now
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    change_sets_made: int = 0
    one_at_a_time: threading.RLock = field(default_factory=threading.RLock)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, of which account and Region; *parameters* have the model's names."""

    account: str
    region: str
    parameters: Mapping[str, Any]
    state: ApiState

    @property
    def deployed(self) -> Deployed:
        """The registry of all stacks."""
        return self.state.deployed

    @property
    def clients(self) -> Clients:
        """Administrator clients of the caller's account, in the Region that was called."""
        return self.state.clients_for(self.account, self.region)

    def given(self, name: str, default: Any = None) -> Any:
        """A parameter of the call."""
        value = self.parameters.get(name)
        return default if value is None else value

    def stack(self) -> Stack:
        """The stack that the call names."""
        return self.deployed.stack(self.account, self.region, self.given("StackName"))

    def refuse_unsupported(self) -> None:
        """Refuse, by name, an option that would be ignored."""
        for name, harmless in _UNSUPPORTED.items():
            value = self.given(name)
            if value is not None and value not in harmless:
                raise TemplateError(f"{name} is not supported by the embedded account")

    def template_text(self) -> str:
        """The template in the call's body, or behind its URL in S3."""
        if self.given("TemplateBody") is not None:
            return str(self.given("TemplateBody"))
        url = self.given("TemplateURL")
        if url is None:
            raise TemplateError("Either Template URL or Template Body must be specified.")
        bucket, key = _s3_location(str(url))
        body = self.clients("s3").get_object(Bucket=bucket, Key=key)["Body"]
        return str(body.read().decode())

    def plain(self, document: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The template after its transforms."""
        return transform(document, parameters=parameters, region=self.region, clients=self.clients)

    def deployment(self, before: Stack | None, *, needs_expand: bool) -> Deployment:
        """What the call wants deployed; raises for a capability that it does not acknowledge."""
        self.refuse_unsupported()
        if self.given("UsePreviousTemplate") and before is not None:
            text = shapes.template_body(before, "Original")
        else:
            text = self.template_text()
        document = read_template(text)
        parameters = _given_parameters(self.given("Parameters", []), before)
        capabilities = tuple(self.given("Capabilities", []))
        if needs_expand and transforms_of(document):
            _require(["CAPABILITY_AUTO_EXPAND"], capabilities)
        plain = self.plain(document, parameters)
        _require(shapes.required_capabilities(plain), capabilities)
        tags = self.given("Tags")
        kept = before.tags if before is not None and tags is None else {}
        return Deployment(
            document=plain,
            stack_name=before.name if before else self.given("StackName"),
            parameters=parameters,
            account=self.account,
            region=self.region,
            clients=self.clients,
            tags={tag["Key"]: tag["Value"] for tag in tags} if tags else kept,
            original_text=text,
            capabilities=capabilities,
            now=self.state.now,
        )


def _require(needed: list[str], given: tuple[str, ...]) -> None:
    named = "CAPABILITY_NAMED_IAM"
    missing = [
        n for n in needed if n not in given and not (n == "CAPABILITY_IAM" and named in given)
    ]
    if missing:
        message = f"Requires capabilities : {missing}"
        raise RefusedError("InsufficientCapabilitiesException", message)


def _given_parameters(entries: list[Mapping[str, Any]], before: Stack | None) -> dict[str, Any]:
    given = {}
    for entry in entries:
        name = entry["ParameterKey"]
        if not entry.get("UsePreviousValue"):
            given[name] = entry.get("ParameterValue", "")
        elif before is not None and name in before.parameters:
            given[name] = before.parameters[name]
        else:
            raise TemplateError(f"Invalid input for parameter key {name}: it has no previous value")
    return given


def _s3_location(url: str) -> tuple[str, str]:
    """Bucket and key of an S3 URL, virtual-hosted or path style."""
    parsed = urlparse(url)
    host, path = parsed.hostname or "", unquote(parsed.path).lstrip("/")
    bucket, dot, _ = host.partition(".s3")
    if dot and bucket:
        return bucket, path
    bucket, slash, key = path.partition("/")
    if not slash:
        raise TemplateError(f"TemplateURL {url} is not the address of an object in S3")
    return bucket, key
