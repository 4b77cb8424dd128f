"""Turn the bearer token of a request into the key that it is allowed by (RFC 6750)."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from service.keys import Key, KeyStore
from service.limits import Scope
from service.problems import ToldError

_REALM = 'Bearer realm="practices"'
_WRITE: Scope = "write"

_bearer = HTTPBearer(auto_error=False, description="the secret of a key, as `practices keys create` prints it")


class AccessDeniedError(ToldError):
    """A request has no key that allows it; the detail may be shown to whoever asks."""

    def __init__(self, status: HTTPStatus, detail: str, challenge: str) -> None:
        super().__init__(status, detail, headers={"WWW-Authenticate": challenge})


# Not asynchronous, so that FastAPI calls it in another thread: it reads a file.
def _writer(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Key:
    if credentials is None:
        raise AccessDeniedError(
            HTTPStatus.UNAUTHORIZED, "no key found, expected the header 'Authorization: Bearer SECRET'", _REALM
        )
    keys: KeyStore = request.app.state.keys
    key = keys.find(credentials.credentials)
    if key is None:
        raise AccessDeniedError(
            HTTPStatus.UNAUTHORIZED,
            "the key is unknown, expired or revoked; ask those who run this service for one that is valid",
            f'{_REALM}, error="invalid_token"',
        )
    if _WRITE not in key.scopes:
        raise AccessDeniedError(
            HTTPStatus.FORBIDDEN,
            f"key '{key.name}' has the scope {', '.join(key.scopes)}, expected {_WRITE}; "
            "ask those who run this service for a key with it",
            f'{_REALM}, error="insufficient_scope", scope="{_WRITE}"',
        )
    return key


WriterDependency = Annotated[Key, Depends(_writer)]
"""The valid key with scope 'write' of a request; without one it is answered with 401 or 403."""
