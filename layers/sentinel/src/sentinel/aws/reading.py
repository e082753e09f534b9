"""One read call, and what AWS's refusals mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sentinel.aws import clock
from sentinel.subject import Identity

NOT_FOUND = frozenset(
    {
        "ResourceNotFoundException",
        "NoSuchEntity",
        "NoSuchEntityException",
        "TrailNotFoundException",
        "NoSuchBucket",
    }
)
ASSUME_ROLE = "AssumeRole"
"""The operation that comes before every read; it is about an account, not about a resource."""


class Refused(Exception):
    """A read call did not answer: the operation, and AWS's error code or the kind of failure."""

    def __init__(self, operation: str, code: str) -> None:
        super().__init__(f"{operation}: {code}")
        self.operation, self.code = operation, code


class Absent(Exception):
    """AWS says that the thing does not exist."""


class Reader:
    """Makes read calls in one account and Region."""

    def __init__(self, client: Callable[[str], Any], place: Identity) -> None:
        self._client = client
        self.place = place

    def went(self, operation: str) -> None:
        """Called when an operation answered."""

    def call(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """The answer of one call. Raises Absent, and Refused: also for an answer of a shape that
        this version of the service's model does not know.
        """
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            client = self._client(service)
            self.went(ASSUME_ROLE)
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            named = error.operation_name or operation
            if named == operation and code in NOT_FOUND:
                self.went(operation)
                raise Absent(operation) from None
            raise Refused(named, code) from None
        except (BotoCoreError, ResponseParserError) as error:
            raise Refused(operation, type(error).__name__) from None
        self.went(operation)
        return answer

    def pages(
        self, service: str, operation: str, *, continued_by: str = "nextToken", **request: Any
    ) -> Iterator[dict[str, Any]]:
        """All pages of a list call; *continued_by* is the member that leads on, in request and
        answer.
        """
        following: dict[str, Any] = {}
        while True:
            answer = self.call(service, operation, **request, **following)
            yield answer
            if not answer.get(continued_by):
                return
            following = {continued_by: answer[continued_by]}

    def pause(self, seconds: float) -> None:
        """Wait between two calls, so that the service's quota is left to its owner."""
        clock.sleep(seconds)
