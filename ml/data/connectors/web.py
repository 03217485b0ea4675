"""HTTP as all connectors that speak it do it: who asks, how often, how long, and which servers may be asked.

Everything goes through one adapter of `requests`, so that pages, tokens and SOAP calls obey the same limits.
"""

import http
import ipaddress
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from ml.data.connectors import Source, SourceError
from ml.data.connectors.options import Options

RETRIED = (429, 500, 502, 503, 504)
MOST_BYTES = 256 << 20  # of one answer
_LONGEST_BACKOFF = 60.0
_ANY_WAIT = 10**9  # the time limit decides; asking sooner than a server allows is of no use
_CHUNK = 1 << 16
_EXPECTED = {
    401: "credentials that the server accepts were expected",
    403: "credentials that may read this were expected",
    404: "the address of a resource that exists was expected",
    429: "fewer requests were expected: lower `rate`",
}


@dataclass
class Clock:
    """What time it is and how one waits, so that tests need not."""

    now: Any = time.monotonic
    sleep: Any = time.sleep


CLOCK = Clock()


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of an answer with status 200, and the link of relation `next` among its headers."""

    content: bytes
    url: str
    next_link: str | None


class Web:
    """A client of one source. Takes its own keys from `options`: `header`, `prefix`, `token_url`, `scope`, `rate`
    (requests a second; 0: any), `retries`, `timeout` and `time_limit` (seconds for one answer to begin, and for the
    whole source). Raises SourceError."""

    def __init__(self, source: Source, options: Options, retried: Collection[int] = RETRIED) -> None:
        servers = [_origin(source.location, "location")]
        if "client_id" in source.credentials:
            servers.append(_origin(options.text("token_url"), "options.token_url"))
        limits = _Limits(
            tuple(servers),
            options.number("rate", 0),
            options.number("timeout", 30, least=0.1),
            options.number("time_limit", 3600, least=1),
        )
        retries = _Retry(
            total=int(options.number("retries", 5)),
            status_forcelist=retried,
            allowed_methods=None,
            raise_on_status=False,
            retry_after_max=_ANY_WAIT,
        )
        retries.limits = self._limits = limits
        self.session = _session(source, options)
        self.session.mount("https://", _Adapter(limits, retries))
        self.session.mount("http://", _Adapter(limits, retries))

    def sign_in(self) -> None:
        """Get a token where OAuth 2.0 is used; it is renewed by itself."""
        if isinstance(self.session, OAuth2Session):
            with told("POST token_url"):
                self.session.fetch_token()

    def get(self, url: str, parameters: Mapping[str, Any], what: str, accept: str) -> Answer:
        """`what` names the request in messages, since links that servers make may hold anything."""
        with (
            told(f"GET {what}"),
            self.session.get(url, params=parameters, headers={"Accept": accept}, stream=True) as response,
        ):
            if response.status_code != 200:
                raise SourceError(_unexpected(response.status_code))
            link = response.links.get("next", {}).get("url")
            return Answer(b"".join(self._body(response)), response.url, link)

    def _body(self, response: requests.Response) -> Iterator[bytes]:
        size = 0
        for chunk in response.iter_content(_CHUNK):
            self._limits.check_time()
            size += len(chunk)
            if size > MOST_BYTES:
                raise SourceError(
                    f"more than {MOST_BYTES >> 20} MiB in one answer; smaller pages were expected"
                )
            yield chunk


@contextmanager
def told(what: str) -> Iterator[None]:
    """Errors of the libraries as one sentence that begins with the request and holds nothing that the server wrote."""
    try:
        yield
    except SourceError as error:
        raise SourceError(f"{what}: {error}") from None
    except OAuthError as error:
        raise SourceError(f"{what}: no token was given ({_code(error.error)}); a client that may have one "
                          "was expected") from None  # fmt: skip
    except (requests.RequestException, ValueError) as error:
        raise SourceError(f"{what}: {_reason(error)}") from None


def _unexpected(status: int) -> str:
    try:
        name = f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        name = str(status)
    return f"answered {name}; {_EXPECTED.get(status, '200 OK was expected')}"


def _reason(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _unexpected(error.response.status_code)
    if isinstance(error, requests.Timeout):
        return "no answer in time; a server that answers, or a longer `timeout`, was expected"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted; REQUESTS_CA_BUNDLE names a file of further authorities"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached, or broke off; a server that answers was expected"
    return f"no answer that can be read ({type(error).__name__})"


def _code(code: object) -> str:
    """An OAuth error code (RFC 6749, section 5.2), unless the server put something else there."""
    known = ("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
             "unsupported_grant_type", "invalid_scope")  # fmt: skip
    return str(code) if code in known else "no known reason"


@dataclass
class _Limits:
    servers: tuple[str, ...]
    rate: float
    timeout: float
    time_limit: float
    _next: float = 0.0
    _end: float | None = None

    def check_time(self, pause: float = 0.0) -> None:
        """Raises SourceError when the time is over, or would be after a pause."""
        now = CLOCK.now()
        if self._end is None:
            self._end = now + self.time_limit
        if now + pause > self._end:
            asked = f", as the next request must wait {pause:.0f} s" if pause else ""
            raise SourceError(f"the {self.time_limit:g} s of `time_limit` do not suffice{asked}")

    def wait(self, pause: float) -> None:
        self.check_time(pause)
        if pause > 0:
            CLOCK.sleep(pause)

    def before_request(self, url: str) -> None:
        if (server := _origin(url, "a link or redirection")) not in self.servers:
            raise SourceError(
                f"it leads to {server}; credentials and requests go to {' and '.join(self.servers)} only"
            )
        self.wait(max(self._next - CLOCK.now(), 0.0))
        if self.rate:
            self._next = CLOCK.now() + 1 / self.rate


class _Adapter(HTTPAdapter):
    def __init__(self, limits: _Limits, retries: Retry) -> None:
        self._limits = limits
        super().__init__(max_retries=retries)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        self._limits.before_request(str(request.url))
        if options.get("timeout") is None:
            options["timeout"] = self._limits.timeout
        return super().send(request, *args, **options)


class _Retry(Retry):
    """Waits as long as the server asks (`Retry-After`), else 1, 2, 4 ... s, by our clock and within the time limit."""

    limits: _Limits

    def new(self, **changes: Any) -> "_Retry":
        made = super().new(**changes)
        made.limits = self.limits
        return made

    def sleep(self, response: Any = None) -> None:
        asked = self.get_retry_after(response) if isinstance(response, HTTPResponse) else None
        backoff = min(2.0 ** (len(self.history) - 1), _LONGEST_BACKOFF)
        self.limits.wait(backoff if asked is None else asked)

    def get_retry_after(self, response: Any) -> float | None:
        try:
            return super().get_retry_after(response)
        except InvalidHeader:
            return None


def _session(source: Source, options: Options) -> requests.Session:
    given = source.credentials
    names = set(given)
    if names == {"client_id", "client_secret"}:
        session: requests.Session = OAuth2Session(
            **given,
            scope=options.text("scope", "") or None,
            token_endpoint=options.text("token_url"),
            grant_type="client_credentials",
        )
        session.auth = None
        return session
    session = requests.Session()
    # a callable in any case: else requests looks for a password in the caller's .netrc
    if not names:
        session.auth = lambda request: request
    elif names == {"username", "password"}:
        session.auth = requests.auth.HTTPBasicAuth(given["username"].encode(), given["password"].encode())  # type: ignore[arg-type]
    elif names == {"token"}:
        header = options.text("header", "Authorization")
        prefix = options.text("prefix", "Bearer" if header == "Authorization" else "")
        session.auth = _TokenAuth(header, f"{prefix} {given['token']}".strip())
    else:
        raise SourceError(
            f"credentials: {', '.join(sorted(names))}; token, or username and password, or client_id and "
            "client_secret were expected"
        )
    return session


class _TokenAuth(requests.auth.AuthBase):
    def __init__(self, header: str, value: str) -> None:
        self._header, self._value = header, value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[self._header] = self._value
        return request


def _origin(url: str, where: str) -> str:
    """Scheme, host and port. Patients' data and credentials go unencrypted to this machine itself only."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), None
    if not parts.hostname or not (
        parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))
    ):
        raise SourceError(
            f"{where}: an address that begins with https:// was expected (http:// on this machine only)"
        )
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
