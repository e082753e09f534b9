"""What answers at the doorway that is no AWS API call: Slack, and functions behind their URLs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from embedded_account import function_urls
from embedded_account.access import Access
from embedded_account.call_reader import UnreadableCallError, credential_scope
from embedded_account.calls import Answer, Caller
from embedded_account.doorway import NoAnswerError, Request
from embedded_account.function_urls import FunctionUrl, Response
from embedded_account.lambdas import Lambdas, url_configurations, url_id
from embedded_account.slack_sink import AnswerLost, SlackSink

_URL_PATH = re.compile(r"/lambda-url/([0-9a-f]+)(?=/|$)")
_URL_HOST = re.compile(r"([0-9a-f]+)\.lambda-url\.")


@dataclass(frozen=True, slots=True)
class SlackMount:
    """Leads requests for Slack's API and incoming webhooks to the sink."""

    slack: SlackSink

    def __call__(self, request: Request) -> Answer | None:
        split = urlsplit(request.url)
        if "X-Amz-Date" in request.headers or not split.path.startswith(("/api/", "/services/")):
            return None
        target = f"{split.path}?{split.query}" if split.query else split.path
        try:
            return Answer(*self.slack.handle(request.method, target, request.headers, request.body))
        except AnswerLost as lost:
            raise NoAnswerError("Slack's answer was lost") from lost


@dataclass(frozen=True, slots=True)
class FunctionUrlMount:
    """Invokes a function for a request to ``/lambda-url/ID/`` or to the host that AWS gives."""

    lambdas: Lambdas
    access: Access
    identify: Callable[[str], Caller]
    now: Callable[[], datetime]

    def __call__(self, request: Request) -> Answer | None:
        split = urlsplit(request.url)
        found = _URL_PATH.match(split.path) or _URL_HOST.match(split.netloc)
        if found is None:
            return None
        configuration = _configuration(found[1])
        arn = configuration.function.function_arn
        auth_type = configuration.config.get("AuthType", "AWS_IAM")
        url = FunctionUrl(found[1], self.lambdas.spec_of(arn), auth_type)
        caller = self._caller(request)
        if auth_type == "AWS_IAM" and not self.access.may_use_url(caller, arn):
            return _answer(function_urls.forbidden())
        event = function_urls.route(url, self._asked(request, found[1]), caller)
        if isinstance(event, Response):
            return _answer(event)
        return _answer(function_urls.response_of(self.lambdas.invoke(arn, event)))

    def _caller(self, request: Request) -> Caller | None:
        if "Authorization" not in request.headers:
            return None
        return self.identify(credential_scope(request.url, request.headers).access_key_id)

    def _asked(self, request: Request, identifier: str) -> function_urls.Request:
        split = urlsplit(request.url)
        path = split.path.removeprefix(f"/lambda-url/{identifier}") or "/"
        target = f"{path}?{split.query}" if split.query else path
        headers = tuple(request.headers.items())
        return function_urls.Request(request.method, target, headers, request.body, at=self.now())


def _configuration(identifier: str) -> Any:
    for configuration in url_configurations():
        if url_id(configuration) == identifier:
            return configuration
    raise UnreadableCallError(f"no function has the URL id {identifier}")


def _answer(response: Response) -> Answer:
    if len(response.cookies) > 1:
        raise NotImplementedError("a function URL's answer with several cookies")
    cookies = dict(zip(("Set-Cookie",), response.cookies, strict=False))
    return Answer(response.status, {**response.headers, **cookies}, response.body)
