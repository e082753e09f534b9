"""The authorizer that takes any token of an issuer."""

from urllib.parse import urlsplit

from sentinel import Evidence, Findings, NotKnown, Severity, rule
from sentinel.subjects import AgentRuntime, CustomClaim, Gateway, Harness, JwtAuthorizer

SHARED_ISSUERS = frozenset(
    {
        "login.microsoftonline.com/common",
        "login.microsoftonline.com/organizations",
        "login.microsoftonline.com/consumers",
        "accounts.google.com",
        "appleid.apple.com",
        "gitlab.com",
        "token.actions.githubusercontent.com",
    }
)
CALLER_CHOOSES_AUDIENCE = ("token.actions.githubusercontent.com", "gitlab.com")
PINNING_CLAIMS = frozenset({"aud", "azp", "appid", "cid", "client_id", "sub", "repository"})
SCOPES_OF_EVERYBODY = frozenset(
    {"openid", "profile", "email", "offline_access", "aws.cognito.signin.user.admin"}
)
PATH = "authorizerConfiguration.customJWTAuthorizer"


@rule(
    Severity.HIGH,
    crosswalk=("AWS:AC-30", "AWS:AC-31", "OWASP:T9", "ATTACK:T1550.001"),
)
def jwt_authorizer_unpinned(
    subject: Gateway | AgentRuntime | Harness,
    *,
    shared_issuers: frozenset[str] = frozenset(),
) -> Findings:
    """JWT authorizer accepts tokens that were not made for this resource.

    Risk:
        Any token of the issuer opens the door, also one that another application got for another
        purpose; with an issuer that serves everybody, anyone can get one.

    Fix:
        Set allowedAudience or allowedClients, or a custom claim on aud, client_id or sub, or
        allowedWorkloadConfiguration. GitHub and GitLab let the caller choose the audience: pin sub
        or repository there.

    Silent:
        When one of these pins the token, and when no JWT authorizer is used.

    Blind:
        Who can get a token of the issuer with the pinned audience.
    """
    configuration = subject.jwt_authorizer
    jwt = configuration.custom_jwt_authorizer if configuration else None
    if jwt is None:
        if isinstance(subject, Gateway) and subject.authorizer_type.upper() == "CUSTOM_JWT":
            raise NotKnown(PATH, "is missing, though the authorizer type is CUSTOM_JWT")
        return
    issuer = issuer_of(jwt.discovery_url)
    if pinned(jwt, issuer):
        return
    # One matching scope is enough, so one that everybody gets makes the others useless.
    scopes = [] if SCOPES_OF_EVERYBODY & set(jwt.allowed_scopes) else jwt.allowed_scopes
    if scopes and all("/" in scope for scope in scopes):
        return
    if scopes:
        yield Evidence(f"{PATH}.allowedScopes", list(jwt.allowed_scopes), Severity.MEDIUM)
    elif jwt.custom_claims:
        claims = [claim.inbound_token_claim_name for claim in jwt.custom_claims]
        yield Evidence(f"{PATH}.customClaims", claims, Severity.MEDIUM)
    elif any(under(issuer, shared) for shared in SHARED_ISSUERS | shared_issuers):
        yield Evidence(f"{PATH}.discoveryUrl", jwt.discovery_url, Severity.CRITICAL)
    else:
        yield Evidence(f"{PATH}.discoveryUrl", jwt.discovery_url)


def issuer_of(discovery_url: str) -> str:
    """Host and path before ``/.well-known/``, in lower case and without scheme, user and port.

    Raises NotKnown for a text that is no URL.
    """
    try:
        url = urlsplit(discovery_url)
        host = (url.hostname or "").rstrip(".")
    except ValueError:
        raise NotKnown(f"{PATH}.discoveryUrl", "is not a URL") from None
    return f"{host}{url.path.split('/.well-known/', 1)[0]}".rstrip("/").lower()


def under(issuer: str, listed: str) -> bool:
    """Whether an issuer is a listed one, or a path below it."""
    return issuer == listed or issuer.startswith(f"{listed}/")


def pinned(jwt: JwtAuthorizer, issuer: str) -> bool:
    """Whether a token must be for us."""
    chosen = any(under(issuer, host) for host in CALLER_CHOOSES_AUDIENCE)
    if (jwt.allowed_audience and not chosen) or jwt.allowed_clients:
        return True
    workload = jwt.allowed_workload_configuration
    if workload and (workload.hosting_environments or workload.workload_identities):
        return True
    claims = PINNING_CLAIMS - {"aud"} if chosen else PINNING_CLAIMS
    return any(pins(claim, claims) for claim in jwt.custom_claims)


def pins(claim: CustomClaim, claims: frozenset[str]) -> bool:
    """Whether a claim must have one of the listed values, rather than contain one."""
    match = claim.authorizing_claim_match_value
    exact = match.claim_match_operator in ("EQUALS", "CONTAINS_ANY")
    return claim.inbound_token_claim_name in claims and exact
