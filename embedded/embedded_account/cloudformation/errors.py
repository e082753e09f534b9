"""The ways in which a template, a type or a resource is refused, each naming the culprit."""

from __future__ import annotations


class TemplateError(ValueError):
    """The template cannot be used: CloudFormation would answer ``ValidationError``."""


class UnsupportedResourceTypeError(TemplateError):
    """A resource's type is not provisioned by the embedded account."""

    def __init__(self, logical_id: str, resource_type: str) -> None:
        super().__init__(
            f"{logical_id}: the embedded account does not provision {resource_type}; "
            "add the type to embedded_account.cloudformation or leave it out of the template"
        )


class UnsupportedPropertyError(TemplateError):
    """A property is neither passed on to the service nor kept, so it must not be skipped."""

    def __init__(self, property_path: str) -> None:
        super().__init__(
            f"{property_path}: the embedded account does not support this property; "
            "add it to the type's provisioner or leave it out of the template"
        )
        self.property_path = property_path


class StackFailedError(Exception):
    """A stack operation failed and was rolled back.

    *logical_id* and *resource_type* name the resource that failed, *reason* is what the service
    said.
    """

    def __init__(self, stack_name: str, logical_id: str, resource_type: str, reason: str) -> None:
        super().__init__(f"stack {stack_name}: {logical_id} ({resource_type}) failed: {reason}")
        self.stack_name = stack_name
        self.logical_id = logical_id
        self.resource_type = resource_type
        self.reason = reason


class StackNotFoundError(LookupError):
    """No live stack has this name or id in this account and Region."""

    def __init__(self, stack_name: str) -> None:
        super().__init__(f"Stack with id {stack_name} does not exist")


class NoUpdatesError(TemplateError):
    """An update changes nothing."""

    def __init__(self) -> None:
        super().__init__("No updates are to be performed.")
