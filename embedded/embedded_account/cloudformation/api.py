"""Puts the CloudFormation API that sam and aws speak in the place of moto's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Final

import moto
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse

from embedded_account.cloudformation.api_operations import OPERATIONS
from embedded_account.cloudformation.api_request import ApiState, RefusedError, Request, utc_now
from embedded_account.cloudformation.deployed import Deployed
from embedded_account.cloudformation.errors import StackNotFoundError, TemplateError
from embedded_account.cloudformation.moto_repairs import (
    repair_bucket_policies,
    repair_composite_alarms,
)
from embedded_account.cloudformation.resource_type import Clients

_MOTO_VERSION: Final = "5.2.5"


class CloudFormationError(ServiceException):  # type: ignore[misc]
    """An error as the API answers it; moto takes its model from the module of the class."""


class CloudFormationResponse(BaseResponse):  # type: ignore[misc]
    """One request to the API; botocore's model parses it and serialises the answer.

    Operations run to their end before the answer is sent: a waiter's first look finds them done.
    """

    state: ClassVar[ApiState]

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    def call_action(self) -> Any:
        """Answer with an operation's members, or with the error that refused it."""
        action = str(self._get_action())
        if action not in OPERATIONS:
            message = f"{action} is not supported by the embedded account"
            return self._refused("ValidationError", message)
        request = Request(self.current_account, self.region, dict(self.params), self.state)
        try:
            return self.serialized(ActionResult(OPERATIONS[action](request)))
        except (TemplateError, StackNotFoundError) as error:
            return self._refused("ValidationError", str(error))
        except RefusedError as error:
            return self._refused(error.code, str(error))

    def _refused(self, code: str, message: str) -> Any:
        status, headers, body = self.serialized(ActionResult(CloudFormationError(code, message)))
        return status, {**headers, "status": status}, body


def prepare(
    clients_for: Callable[[str, str], Clients],
    *,
    deployed: Deployed | None = None,
    now: Callable[[], datetime] = utc_now,
) -> tuple[Deployed, Callable[..., Any]]:
    """Return the registry of what this API deploys, and what answers its requests in moto's form.

    *clients_for* gives, for an account and Region, clients with administrator rights.
    """
    repair_bucket_policies()
    repair_composite_alarms()
    registry = deployed if deployed is not None else Deployed()
    CloudFormationResponse.state = ApiState(clients_for, registry, now)
    return registry, CloudFormationResponse.dispatch


def install(
    clients_for: Callable[[str, str], Clients],
    *,
    deployed: Deployed | None = None,
    now: Callable[[], datetime] = utc_now,
) -> Deployed:
    """Put this API in the place of moto's own, where moto does the routing.

    Call it before moto starts (``mock_aws`` or its server), which reads the paths then. Raises
    RuntimeError when moto is not the version whose routing this replaces.
    """
    # moto.cloudformation imports every service that moto has: only who routes by it shall wait
    from moto.cloudformation import urls

    if moto.__version__ != _MOTO_VERSION or "{0}/$" not in urls.url_paths:
        raise RuntimeError(
            f"embedded_account.cloudformation replaces the routing of moto {_MOTO_VERSION}; "
            f"found {moto.__version__}: check moto.cloudformation.urls and adapt install()"
        )
    registry, answer = prepare(clients_for, deployed=deployed, now=now)
    urls.url_paths = {"{0}/$": answer}
    return registry
