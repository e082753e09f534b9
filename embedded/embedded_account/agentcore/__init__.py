"""A fake of Amazon Bedrock AgentCore that is driven by botocore's service model."""

from __future__ import annotations

import moto
from moto.bedrockagentcore import urls as data_urls
from moto.bedrockagentcorecontrol import urls as control_urls

from .beliefs import BELIEFS, Belief
from .control_plane import SIMULATED as SIMULATED_CONTROL_OPERATIONS
from .data_plane import SIMULATED as SIMULATED_DATA_OPERATIONS
from .data_plane import command_shell
from .responses import AgentCoreControlResponse, AgentCoreDataResponse
from .store import RUNNING, AgentCore

WRITTEN_FOR_MOTO = "5.2.5"


def install() -> AgentCore:
    """Put the fake in the place of moto's own AgentCore, for every account and Region.

    The gap it closes: moto 5.2.5 has 29 control-plane operations, with other ARNs and ids than the
    service's, no pagination, no validation, and accepts duplicates. May be called again: the
    knobs of the answered AgentCore are reset, what is stored stays.
    """
    if moto.__version__ != WRITTEN_FOR_MOTO:
        raise RuntimeError(
            f"the AgentCore fake was written for moto {WRITTEN_FOR_MOTO}, this is "
            f"{moto.__version__}: compare moto.bedrockagentcore*.urls, then raise the version"
        )
    for urls, response in (
        (control_urls, AgentCoreControlResponse),
        (data_urls, AgentCoreDataResponse),
    ):
        if list(urls.url_paths) != ["{0}/.*$"]:
            raise RuntimeError(f"{urls.__name__} routes differently: {list(urls.url_paths)}")
        urls.url_paths["{0}/.*$"] = response.dispatch
    RUNNING.reset()
    return RUNNING


__all__ = [
    "BELIEFS",
    "SIMULATED_CONTROL_OPERATIONS",
    "SIMULATED_DATA_OPERATIONS",
    "AgentCore",
    "Belief",
    "command_shell",
    "install",
]
