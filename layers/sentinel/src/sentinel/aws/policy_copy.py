"""The policy at run time: the records bucket's copy, read again at most once a minute."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sentinel.aws import clock
from sentinel.policy import Policy, parse

KEY = "policy/current.json"
EVERY = timedelta(minutes=1)


class NoPolicy(RuntimeError):
    """The copy cannot be read or used, and no good one was seen before."""


class PolicyCopy:
    """The last good policy and its version; where there is no copy, the packaged defaults."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket
        self._policy: Policy | None = None
        self._etag = ""
        self._looked: datetime | None = None
        self.problem = ""

    @property
    def version(self) -> str:
        """Which copy is used: its ETag, or ``defaults``."""
        return self._etag.strip('"') or "defaults"

    def current(self) -> Policy:
        """The policy to use now. A copy that cannot be read or used keeps the last good one.

        Why it cannot is in `problem`, which `tend` tells as a gap. Raises NoPolicy without a last
        good one: the defaults know neither members nor exemptions, and would be wrong on both.
        """
        self._refresh()
        if self._policy is None:
            raise NoPolicy(f"{self.problem}; s3://{self._bucket}/{KEY} must be a policy or absent")
        return self._policy

    def at_best(self) -> Policy:
        """As `current`, but the defaults at worst: to word a notice, and never to judge."""
        self._refresh()
        return self._policy or Policy()

    def _refresh(self) -> None:
        now = clock.now()
        if self._looked is None or now - self._looked >= EVERY:
            self._looked = now
            self._look()

    def _look(self) -> None:
        request = {"IfNoneMatch": self._etag} if self._etag else {}
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=KEY, **request)
            body = answer["Body"].read()
        except BotoCoreError as error:
            self.problem = f"GetObject: {type(error).__name__}"
            return
        except ClientError as error:
            code = error.response["Error"]["Code"]
            absent = code in ("NoSuchKey", "404")
            unchanged = code in ("304", "NotModified")
            if absent:
                self._policy, self._etag = Policy(), ""
            self.problem = "" if absent or unchanged else f"GetObject: {code}"
            return
        try:
            self._policy = parse(json.loads(body))
        except (ValueError, RecursionError) as error:
            self.problem = f"the policy copy cannot be used: {error}"
            return
        self._etag, self.problem = answer["ETag"], ""
