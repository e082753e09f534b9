"""Reads botocore's service models once for the whole process.

botocore makes a loader for every session and moto one for every service; each lists four hundred
folders and parses anew. There are two loaders here, because botocore's clients change the paths in
the model that they hold, and moto routes by those paths.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
import moto.core.utils
from botocore.loaders import create_loader
from botocore.model import ServiceModel
from moto.core.loaders import create_loader as create_moto_loader

_MOTO_LOADER: Any = create_moto_loader()


@cache
def service_model(service: str) -> Any:
    """Return botocore's model of a service, such as ``bedrock-agentcore-control``.

    Raises botocore's UnknownServiceError for a name that no client could be made with.
    """
    return ServiceModel(_MOTO_LOADER.load_service_model(service, "service-2"), service)


@cache
def client_loader(data_path: str | None = None) -> Any:
    """Return the loader of every client whose AWS_DATA_PATH is *data_path*."""
    return create_loader(data_path)


def _share() -> None:
    expected = {botocore.session: create_loader, moto.core.utils: create_moto_loader}
    for module, create in expected.items():
        if module.create_loader is not create:
            raise RuntimeError(f"{module.__name__} makes its loaders otherwise: adapt this module")
    botocore.session.create_loader = client_loader
    moto.core.utils.create_loader = lambda: _MOTO_LOADER


_share()
