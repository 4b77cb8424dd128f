"""Turn the bearer token of a request into the key that it is allowed by (RFC 6750)."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.concurrency import run_in_threadpool

from service.keys import Key, KeyStore
from service.limits import Scope
from service.problems import ToldError
from service.trace import current_trace

_REALM = 'Bearer realm="practices"'
_WRITE: Scope = "write"

_bearer = HTTPBearer(auto_error=False, description="the secret of a key, as `practices keys create` prints it")


class AccessDeniedError(ToldError):
    """A request has no key that allows it; the detail may be shown to whoever asks."""

    def __init__(self, status: HTTPStatus, detail: str, challenge: str) -> None:
        super().__init__(status, detail, headers={"WWW-Authenticate": challenge})


# Not asynchronous, so that FastAPI calls it in another thread: it reads a file.
def require_key(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Key:
    """Return the valid key of a request, of whatever scope. Raises AccessDeniedError."""
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
    current_trace().key_name = key.name
    return key


async def _writer(key: Annotated[Key, Depends(require_key)]) -> Key:
    if _WRITE not in key.scopes:
        raise AccessDeniedError(
            HTTPStatus.FORBIDDEN,
            f"key '{key.name}' has the scope {', '.join(key.scopes)}, expected {_WRITE}; "
            "ask those who run this service for a key with it",
            f'{_REALM}, error="insufficient_scope", scope="{_WRITE}"',
        )
    return key


async def key_of(request: Request, keys: KeyStore) -> Key | None:
    """Return the valid key of a request, of whatever scope, if there is one."""
    scheme, secret = get_authorization_scheme_param(request.headers.get("authorization"))
    return await run_in_threadpool(keys.find, secret) if scheme.lower() == "bearer" and secret else None


WriterDependency = Annotated[Key, Depends(_writer)]
"""The valid key with scope 'write' of a request; without one it is answered with 401 or 403."""
