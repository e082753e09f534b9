"""The hub can be deployed again under its name: what outlives a stack is not in the way."""

from __future__ import annotations

from embedded_account.account import EmbeddedAccount

from tests.conftest import ROOT


def test_a_hub_that_was_deleted_is_deployed_again_and_its_logs_are_kept() -> None:
    with EmbeddedAccount() as account:

        def deploy() -> None:
            account.deploy(
                ROOT / "template.yaml",
                "sentinel",
                source_root=ROOT,
                source_layers={"SentinelLayer": ROOT / "layers/sentinel/src"},
            )

        def groups() -> set[str]:
            found = account.client("logs").describe_log_groups()["logGroups"]
            return {group["logGroupName"] for group in found}

        deploy()
        first = groups()
        assert len(first) == 5
        account.client("cloudformation").delete_stack(StackName="sentinel")
        account.world.drain()
        assert groups() == first
        deploy()
        assert len(groups()) == 10
        assert groups() > first
