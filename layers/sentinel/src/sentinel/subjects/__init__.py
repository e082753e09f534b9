"""What rules look at: one file per kind."""

from sentinel.subjects.agent_runtime import AgentRuntime
from sentinel.subjects.command_run import CommandRun
from sentinel.subjects.gateway import Gateway
from sentinel.subjects.gateway_target import GatewayTarget
from sentinel.subjects.harness import Harness
from sentinel.subjects.iam_policy import IamPolicy
from sentinel.subjects.iam_trust import IamTrust
from sentinel.subjects.jwt_authorizer import AuthorizerConfiguration, CustomClaim, JwtAuthorizer
from sentinel.subjects.resource_policy import ResourcePolicy
from sentinel.subjects.trail import Trail

__all__ = [
    "AgentRuntime",
    "AuthorizerConfiguration",
    "CommandRun",
    "CustomClaim",
    "Gateway",
    "GatewayTarget",
    "Harness",
    "IamPolicy",
    "IamTrust",
    "JwtAuthorizer",
    "ResourcePolicy",
    "Trail",
]
