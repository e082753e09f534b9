"""The mailbox that SNS delivers to: moto's SNS accepts e-mail subscriptions and delivers nothing.

``installed`` closes that gap, and with it three of moto's refusals that SNS has and moto lacks: a
Subject with line breaks or control characters, a Subject of exactly 100 characters, and a message
whose size is counted in characters instead of bytes. Subscriptions are confirmed at once in the
embedded account; on AWS the reader of the mail confirms, and until then nothing is delivered.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import moto
from moto.sns.exceptions import InvalidParameterValue
from moto.sns.models import SNSBackend, Subscription

MOTO = "5.2.5"
MAXIMUM_MESSAGE_BYTES = 262_144  # the model's documentation of Publish: message and attributes
DEFAULT_SUBJECT = "AWS Notification Message"
FOOTER = """

--
If you wish to stop receiving notifications from this topic, please click or visit the link below \
to unsubscribe:
https://sns.{region}.amazonaws.com/unsubscribe.html?{query}

Please do not reply directly to this email. If you have any questions or comments regarding this \
email, please contact us at https://aws.amazon.com/support
"""


@dataclass(frozen=True, slots=True)
class Mail:
    """One e-mail as it lies in the mailbox; the body ends with the footer that SNS adds."""

    to: str
    topic_arn: str
    subject: str
    body: str
    message_id: str
    account: str
    region: str


@dataclass(slots=True)
class Mailbox:
    """All e-mail of the embedded account, oldest first; *on_mail* hears of each."""

    messages: list[Mail] = field(default_factory=list)
    on_mail: Callable[[Mail], None] | None = None

    def put(self, mail: Mail) -> None:
        """Delivers *mail*."""
        self.messages.append(mail)
        if self.on_mail is not None:
            self.on_mail(mail)


@contextmanager
def installed(mailbox: Mailbox) -> Iterator[None]:
    """Lets moto's SNS deliver e-mail to *mailbox* and refuse what SNS refuses, until left.

    Raises RuntimeError when moto is another than the one that this was written for, when its
    methods have changed, or when a mailbox is installed already.
    """
    _assert_gap()
    publish, deliver = SNSBackend.publish, Subscription.publish

    def publish_checked(
        backend: Any, message: str, arn: str | None, phone_number: str | None = None, **more: Any
    ) -> Any:
        if phone_number is None:
            _refuse(message, more)
        return publish(backend, message, arn, phone_number, **more)

    def deliver_mail(
        subscription: Any, message: str, message_id: str, subject: str | None = None, **more: Any
    ) -> None:
        if subscription.protocol == "email-json":
            raise NotImplementedError("SNS protocol email-json in the embedded account: use email")
        if subscription.protocol == "lambda":
            raise NotImplementedError(
                f"SNS -> {subscription.endpoint} in the embedded account: moto would start Docker; "
                "let an EventBridge rule or a queue invoke the function"
            )
        if subscription.protocol != "email":
            deliver(subscription, message, message_id, subject=subject, **more)
        elif _passes_filter(subscription, message, more.get("message_attributes")):
            mailbox.put(_mail(subscription, message, message_id, subject, more))

    SNSBackend.publish, Subscription.publish = publish_checked, deliver_mail
    try:
        yield
    finally:
        SNSBackend.publish, Subscription.publish = publish, deliver


def _assert_gap() -> None:
    """The gap is there and has the shape that ``installed`` fills."""
    if moto.__version__ != MOTO:
        raise RuntimeError(f"mailbox was written for moto {MOTO}, this is {moto.__version__}")
    expected = {
        SNSBackend.publish: "self message arn phone_number subject message_attributes group_id "
        "deduplication_id message_structure",
        Subscription.publish: "self message message_id subject message_attributes group_id "
        "deduplication_id message_structure",
    }
    for method, parameters in expected.items():
        found = " ".join(inspect.signature(method).parameters)
        if found != parameters:
            raise RuntimeError(f"{method.__qualname__} takes {found!r}, expected {parameters!r}")
    if '"email"' in inspect.getsource(Subscription.publish):
        raise RuntimeError("moto's SNS now delivers e-mail: this override is not needed any more")


def _refuse(message: str, more: Mapping[str, Any]) -> None:
    """Raises InvalidParameter as SNS does.

    The model's documentation of Subject says UTF-8 without line breaks or control characters and
    less than 100 characters; former editions said ASCII that begins with a letter, number or
    punctuation mark. Where they disagree the stricter holds here.
    """
    subject = more.get("subject")
    if subject is not None:
        legal = subject.isascii() and subject.isprintable() and not subject[:1].isspace()
        if not (legal and 0 < len(subject) < 100):
            raise InvalidParameterValue("Invalid parameter: Subject")
    if not message:
        raise InvalidParameterValue("Invalid parameter: Empty message")
    if _size(message, more.get("message_attributes")) > MAXIMUM_MESSAGE_BYTES:
        raise InvalidParameterValue("Invalid parameter: Message too long")
    if more.get("message_structure") == "json":
        _refuse_structure(message)


def _refuse_structure(message: str) -> None:
    try:
        document = json.loads(message)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        reason = "JSON message body failed to parse"
        raise InvalidParameterValue(f"Invalid parameter: Message Structure - {reason}")
    if not isinstance(document.get("default"), str):
        reason = "No default entry in JSON message body"
        raise InvalidParameterValue(f"Invalid parameter: Message Structure - {reason}")


def _size(message: str, attributes: Mapping[str, Any] | None) -> int:
    texts = [message]
    for name, attribute in (attributes or {}).items():
        texts += [name, str(attribute["Type"]), str(attribute["Value"])]
    return sum(len(text.encode()) for text in texts)


def _passes_filter(subscription: Any, message: str, attributes: Mapping[str, Any] | None) -> bool:
    matcher = subscription._filter_policy_matcher
    return matcher is None or bool(matcher.matches(attributes, message))


def _mail(
    subscription: Any, message: str, message_id: str, subject: str | None, more: Mapping[str, Any]
) -> Mail:
    if more.get("message_structure") == "json":
        document = json.loads(message)
        message = document.get("email", document["default"])
    region = subscription.topic.sns_backend.region_name
    query = urlencode(
        {"SubscriptionArn": subscription.arn, "Endpoint": subscription.endpoint}, safe=":@"
    )
    return Mail(
        to=subscription.endpoint,
        topic_arn=subscription.topic.arn,
        subject=subject or DEFAULT_SUBJECT,
        body=message + FOOTER.format(region=region, query=query),
        message_id=message_id,
        account=subscription.topic.account_id,
        region=region,
    )
