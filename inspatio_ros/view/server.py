# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The web server: the page's files and its connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
import contextlib
import errno
from pathlib import Path

from aiohttp import web
from inspatio_ros.view.browser import Browser
from inspatio_ros.view.guard import Guard
from inspatio_ros.view.hub import Hub
from inspatio_ros.view.requests import LONGEST

PAGE = Path(__file__).parent / 'page'
# Pages beyond these are turned away.
MOST_WATCHERS = 64
# A connection that has not answered for as long is taken for dead.
HEARTBEAT_S = 5.0
HEADERS = {
    'Content-Security-Policy': (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cache-Control': 'no-store'}
_KINDS = {'.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript',
          '.svg': 'image/svg+xml'}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """
    Serves the page and connects it to the robot.

    :param hub: what the pages share.
    :param token: asked for; None: by nobody.
    """

    def __init__(self, hub: Hub, token: str | None) -> None:
        self._hub = hub
        self._token = token
        self._guard = Guard(token, 0)
        self._files = {f'/{path.name}': path for path in PAGE.iterdir() if path.suffix in _KINDS}
        self._files['/'] = self._files.pop('/index.html')

    @contextlib.asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[int]:
        """
        Serve, inside.

        :param port: 0 = one that is free.
        :returns: yields the port.
        :raises OSError: the port is taken, or the host is none of this machine's.
        """
        app = web.Application(middlewares=[self._admit])
        app.on_shutdown.append(self._send_all_away)
        app.router.add_get('/connection', self._connect)
        app.router.add_get('/{name:.*}', self._file)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        beat = asyncio.create_task(self._hub.keep_beating())
        try:
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                raise _plain(error, host, port) from error
            port = runner.addresses[0][1]
            self._guard = Guard(self._token, port)
            yield port
        finally:
            beat.cancel()
            await runner.cleanup()

    async def _send_all_away(self, app: web.Application) -> None:
        await asyncio.gather(*(watcher.send_away() for watcher in list(self._hub.watchers)))

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn strangers away; give every answer its headers."""
        token = request.query.get('token')
        if token is not None and request.path == '/':
            response = self._take_token(token)
        elif reason := self._guard.why_not(request.headers, request.cookies):
            response = web.Response(status=403, text=f'{reason}\n')
        else:
            try:
                return await handler(request)
            except web.HTTPException as refusal:
                response = web.Response(status=refusal.status, text=f'{refusal.reason}\n')
        response.headers.update(HEADERS)
        return response

    def _take_token(self, token: str) -> web.Response:
        """Keep the token as a cookie, and out of the address bar."""
        if not self._guard.holds(token):
            return web.Response(status=403, text='This is not the token.\n')
        response = web.Response(status=303, headers={'Location': '/'})
        response.set_cookie(self._guard.cookie, token, httponly=True, samesite='Lax', path='/')
        return response

    async def _file(self, request: web.Request) -> web.StreamResponse:
        path = self._files.get(request.path)
        if path is None:
            raise web.HTTPNotFound
        return web.Response(body=path.read_bytes(), content_type=_KINDS[path.suffix],
                            charset='utf-8', headers=HEADERS)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if not self._guard.is_own_page(request.headers):
            raise web.HTTPForbidden(reason='This connection is for the page that came from here.')
        if len(self._hub.watchers) >= MOST_WATCHERS:
            raise web.HTTPServiceUnavailable(reason=f'{MOST_WATCHERS} pages are open already.')
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=LONGEST,
                                       compress=False, timeout=1.0)
        await socket.prepare(request)
        await Browser(socket, self._hub).serve()
        return socket


def _plain(error: OSError, host: str, port: int) -> OSError:
    if error.errno == errno.EADDRINUSE:
        return OSError(f'port {port} of {host} is in use: --port chooses another, 0 a free one')
    return OSError(f'cannot listen on {host}: {error.strerror or error}')
