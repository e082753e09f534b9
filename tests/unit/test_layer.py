"""The layer's source: it ships AgentCore's service models as the locked botocore has them."""

from __future__ import annotations

from pathlib import Path

import botocore
import pytest

from tests.conftest import ROOT

MODELS = ROOT / "layers/sentinel/models"
SHIPPED = sorted(path.relative_to(MODELS) for path in MODELS.rglob("*") if path.is_file())


@pytest.mark.parametrize("model", SHIPPED, ids=str)
def test_a_shipped_model_is_that_of_the_locked_botocore(model: Path) -> None:
    locked = Path(botocore.__file__).parent / "data" / model
    assert (MODELS / model).read_bytes() == locked.read_bytes(), f"copy {model} from botocore/data"


def test_the_models_of_both_services_are_shipped_whole() -> None:
    data = Path(botocore.__file__).parent / "data"
    services = ("bedrock-agentcore", "bedrock-agentcore-control")
    locked = [
        path.relative_to(data)
        for service in services
        for path in (data / service).rglob("*")
        if path.is_file() and not path.name.startswith("examples-")
    ]
    assert sorted(locked) == SHIPPED


def test_the_layer_installs_what_is_locked() -> None:
    shipped = (ROOT / "layers/sentinel/requirements.txt").read_text()
    assert shipped == (ROOT / "requirements/lambda.txt").read_text()
