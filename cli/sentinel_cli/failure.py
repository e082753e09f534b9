"""Why a command could not do its work, in words that say what was expected and what to do."""

from __future__ import annotations

from typing import Any


class Failure(Exception):
    """The command failed: what is wrong, what was expected, what to do. Ends with exit code 2."""


_WHAT_TO_DO = {
    "NoCredentialsError": "there are no AWS credentials; run `aws sso login` or set AWS_PROFILE",
    "PartialCredentialsError": "the AWS credentials are incomplete; check the profile in use",
    "NoRegionError": "no AWS Region is set; pass --region, or set AWS_REGION",
    "ProfileNotFound": "the AWS profile does not exist; `aws configure list-profiles` lists them",
    "TokenRetrievalError": "the sign-in has expired; run `aws sso login`",
    "UnauthorizedSSOTokenError": "the sign-in has expired; run `aws sso login`",
    "SSOTokenLoadError": "the sign-in has expired; run `aws sso login`",
    "EndpointConnectionError": "AWS could not be reached; check the network and the Region",
}
_CODES = {
    "ExpiredToken": "the credentials have expired; sign in again",
    "ExpiredTokenException": "the credentials have expired; sign in again",
    "InvalidClientTokenId": "the credentials are not valid; sign in again",
    "UnrecognizedClientException": "the credentials are not valid in this Region; sign in again",
    "AccessDenied": "ask for the right, or use another role",
    "AccessDeniedException": "ask for the right, or use another role",
    "UnauthorizedOperation": "ask for the right, or use another role",
}


def known(error: Exception) -> Failure | None:
    """What an error means to people that is nobody's mistake in the code; None for a bug."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        return Failure(f"{name}{error.strerror}")
    from sentinel.rule import NotARule

    return Failure(str(error)) if isinstance(error, NotARule) else of_aws(error)


def of_aws(error: Exception) -> Failure | None:
    """What an error of botocore means to people; None for any other error."""
    if not type(error).__module__.startswith(("botocore", "boto3")):
        return None
    name = type(error).__name__
    answer: dict[str, Any] = getattr(error, "response", {}).get("Error", {})
    if not answer:
        advice = _WHAT_TO_DO.get(name)
        return Failure(f"{advice} ({error})" if advice else f"{name}: {error}")
    code = answer.get("Code", name)
    operation = getattr(error, "operation_name", "a call")
    advice = f"; {_CODES[code]}" if code in _CODES else ""
    return Failure(f"AWS refused {operation}: {code}: {answer.get('Message', '')}{advice}")
