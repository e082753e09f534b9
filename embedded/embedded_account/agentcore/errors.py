"""The refusals of the service, as its service model shapes them."""

from __future__ import annotations


class Refused(Exception):
    """The service answers with an error: *code* is the error shape's name in the service model."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> Refused:
    """400: the request itself is wrong."""
    return Refused("ValidationException", message)


def conflict(message: str) -> Refused:
    """409: the request does not fit the state of the resource."""
    return Refused("ConflictException", message)


def not_found(noun: str, identifier: str) -> Refused:
    """404: there is no such resource in this account and Region."""
    return Refused("ResourceNotFoundException", f"{noun} {identifier} was not found")


def not_simulated(operation: str) -> Refused:
    """501: AWS has the operation, this account does not."""
    return Refused(
        "NotImplementedException",
        f"{operation} is not simulated by the embedded account; use an account of AWS for it",
    )
