# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Who may look and drive.

On this machine alone: whoever is on it. Browsers on it also run the pages of strangers, so a
request has to be for this machine's own name (no DNS rebinding), and a connection has to come from
this very page. Reachable from elsewhere: whoever has the token, once in the address, then as a
cookie that no script and no other site gets to use.
"""

from __future__ import annotations

from collections.abc import Mapping
import hmac
import ipaddress
import secrets
from urllib.parse import urlsplit

SHORTEST_TOKEN = 8


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def token_for(host: str, given: str | None) -> str | None:
    """
    Return the token to ask for.

    :param given: by the user.
    :returns: a new one where one is needed and none was given; None where none is needed.
    :raises ValueError: one that could be guessed.
    """
    if given is not None:
        if len(given) < SHORTEST_TOKEN or not given.isascii() or not given.isalnum():
            raise ValueError(f'a token has at least {SHORTEST_TOKEN} letters or digits')
        return given
    return None if is_loopback(host) else secrets.token_hex(16)


class Guard:
    """
    Judges requests.

    :param token: what is asked for; None = nothing, for those on this machine.
    :param port: that is listened on; cookies do not tell ports apart.
    """

    def __init__(self, token: str | None, port: int) -> None:
        self._token = token
        self.cookie = f'inspatio_view_{port}'

    def holds(self, token: str | None) -> bool:
        """Return whether this is the token, or none is needed."""
        return self._token is None or (
            token is not None and hmac.compare_digest(token.encode(), self._token.encode()))

    def why_not(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> str:
        """Return why a request is refused; empty if it is not."""
        if self._token is None:
            host = urlsplit(f'//{headers.get("Host", "")}').hostname
            if not is_loopback(host or ''):
                return 'This page is for this machine only. Ask for 127.0.0.1 or localhost.'
        elif not self.holds(cookies.get(self.cookie)):
            return 'A token is needed: open the address that inspatio view has printed.'
        return ''

    def is_own_page(self, headers: Mapping[str, str]) -> bool:
        """Return whether a connection is made by the page that came from here."""
        origin = urlsplit(headers.get('Origin', ''))
        return bool(origin.netloc) and origin.netloc == headers.get('Host')
