"""AgentCore's two REST APIs on moto's doorstep: from an HTTP request to an HTTP answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.core.responses import BaseResponse
from moto.utilities.aws_headers import gen_amzn_requestid_long

from embedded_account.service_models import service_model

from . import data_plane
from .control_plane import perform
from .errors import Refused, invalid
from .shapes import CONTROL, DATA
from .store import BACKENDS, AgentCoreBackend

HttpAnswer = tuple[int, dict[str, str], str | bytes]


class _AgentCoreResponse(BaseResponse):  # type: ignore[misc]
    @property
    def backend(self) -> AgentCoreBackend:
        backend: AgentCoreBackend = BACKENDS[self.current_account][self.region]
        return backend

    def call_action(self) -> HttpAnswer:
        operation = self._get_action()
        try:
            if not operation:
                raise Refused("UnknownOperationException", f"{self.method} {self.path}")
            model = service_model(self.service_name).operation_model(operation)
            parameters = read_parameters(model, self.normalized_request, self.uri_match)
            status, headers, body = self.answer(operation, model, parameters)
        except Refused as refusal:
            status, headers, body = error_answer(self.service_name, refusal)
        gen_amzn_requestid_long(headers)
        return status, headers, body

    def answer(self, operation: str, model: Any, parameters: Mapping[str, Any]) -> HttpAnswer:
        raise NotImplementedError


class AgentCoreControlResponse(_AgentCoreResponse):
    """bedrock-agentcore-control."""

    def __init__(self) -> None:
        super().__init__(service_name=CONTROL)

    def answer(self, operation: str, model: Any, parameters: Mapping[str, Any]) -> HttpAnswer:
        document = perform(self.backend, operation, parameters)
        status = model.http.get("responseCode", 200)
        body = "" if status == 204 else json.dumps(document)
        return status, {"content-type": "application/json"}, body


class AgentCoreDataResponse(_AgentCoreResponse):
    """bedrock-agentcore."""

    def __init__(self) -> None:
        super().__init__(service_name=DATA)

    def answer(self, operation: str, model: Any, parameters: Mapping[str, Any]) -> HttpAnswer:
        return data_plane.perform(self.backend, operation, parameters)


def read_parameters(model: Any, request: Any, labels: Mapping[str, str]) -> dict[str, Any]:
    """The operation's parameters as they were sent, members unknown to botocore included."""
    shape = model.input_shape
    if shape is None:
        return {}
    payload = shape.serialization.get("payload")
    parameters: dict[str, Any] = {}
    if payload and shape.members[payload].type_name == "blob":
        parameters[payload] = request.data
    elif request.data:
        body = _parsed(request.data)
        parameters = {payload: body} if payload else body
    for member, member_shape in shape.members.items():
        name = member_shape.serialization.get("name", member)
        match member_shape.serialization.get("location"):
            case "uri":
                parameters[member] = labels[name]
            case "querystring" if name in request.args:
                values = request.args.getlist(name)
                parameters[member] = _typed(member_shape, values)
            case "header" if request.headers.get(name):
                parameters[member] = request.headers[name]
    return {member: value for member, value in parameters.items() if value is not None}


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as problem:
        raise invalid(f"The request body is not valid JSON: {problem}") from problem
    if not isinstance(document, dict):
        raise invalid("The request body must be a JSON object")
    return document


def _typed(shape: Any, values: list[str]) -> Any:
    if shape.type_name == "list":
        return values
    (value, *_) = values
    if shape.type_name == "boolean":
        return value == "true"
    if shape.type_name in ("integer", "long"):
        return int(value) if value.lstrip("-").isdigit() else value
    return value


def error_answer(service: str, refusal: Refused) -> HttpAnswer:
    """The refusal as a REST-JSON error of the service."""
    statuses = {"NotImplementedException": 501, "UnknownOperationException": 404}
    model = service_model(service)
    body: dict[str, Any] = {"message": refusal.message}
    if refusal.code in model.shape_names:
        shape = model.shape_for(refusal.code)
        statuses[refusal.code] = shape.metadata["error"]["httpStatusCode"]
        if "reason" in shape.members:
            body["reason"] = "FieldValidationFailed"
    headers = {"content-type": "application/json", "x-amzn-errortype": refusal.code}
    return statuses[refusal.code], headers, json.dumps(body)
