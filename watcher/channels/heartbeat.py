"""
The dead man's switch: an address at healthchecks.io, or at anything that speaks as it does.

Rule: the URL is a secret as a whole and goes nowhere but there: no redirect is followed, no text of
ours holds a part of it. One call is one request with a deadline of its own; whether to try again is
the caller's to know.

    GET  URL         all is well
    POST URL/fail    it is not; the body says why
    2xx              taken, unless the body says "OK (…)": the check is unknown, or pinged too often
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import aiohttp

from watcher.ports import PingError

TIMEOUT_S = 5.0
BODY_MAX = 200
OK_BUT = b"OK ("


class HttpPing:
    """The `Ping` port for one URL. Call inside the running loop; `close` at the end."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        self._url = url
        self._fail_url = urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/fail"))
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_s))

    async def ok(self) -> None:
        await self._ask("GET", self._url, None)

    async def fail(self, reason: str) -> None:
        await self._ask("POST", self._fail_url, reason)

    async def close(self) -> None:
        await self._session.close()

    async def _ask(self, method: str, url: str, body: str | None) -> None:
        try:
            async with self._session.request(
                method, url, data=body, allow_redirects=False
            ) as answer:
                status, said = answer.status, await answer.content.read(BODY_MAX)
        except TimeoutError:
            raise PingError("it did not answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # what the library says may hold the address
            raise PingError(f"no connection ({type(error).__name__})") from None
        if not 200 <= status < 300:  # noqa: PLR2004 - what HTTP calls success
            raise PingError(f"it answered {status}")
        if said.startswith(OK_BUT):
            words = said.removeprefix(OK_BUT).rstrip(b") \n").decode(errors="replace")
            raise PingError(f"it answered: {words}")
