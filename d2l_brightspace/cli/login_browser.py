"""Sends a person to the browser, and gets what the browser was sent back with."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import click

from d2l_brightspace.client.auth.loopback_redirect import (
    LoopbackRedirect,
    can_be_caught,
    checked_redirect_uri,
)

from .credential_settings import is_terminal


class Login(Protocol):
    """A log-in that was begun."""

    @property
    def redirect_uri(self) -> str:
        """Where the browser ends."""

    @property
    def address(self) -> str:
        """Where it begins."""

    def is_answered_by(self, answer: Mapping[str, str]) -> bool:
        """Whether the parameters of a redirect are the answer to this log-in."""

    def pasted(self, text: str) -> dict[str, str]:
        """The parameters in what somebody copied from the address where the browser ended."""


@dataclass(frozen=True)
class BrowserOptions:
    """How to get to a browser and back.

    Attributes:
        port: Port of the usual redirect address.
        redirect_uri: Another redirect address.
        paste: Whether the address at the end is typed in, not caught.
        opens: Whether to open the browser of this machine.
    """

    port: int
    redirect_uri: str | None
    paste: bool
    opens: bool

    @property
    def registered(self) -> str:
        """The redirect address that the app is registered with.

        Raises:
            ConfigurationError: If it cannot be one.
        """
        usual = f"http://127.0.0.1:{self.port}/callback"
        return checked_redirect_uri(self.redirect_uri or usual)

    def log_in(self, login: Login) -> dict[str, str]:
        """Let a person log in; returns the parameters of the redirect.

        Raises:
            AuthenticationError: If the browser does not come back.
            ConfigurationError: If the port cannot be opened.
        """
        if self.paste or not can_be_caught(login.redirect_uri):
            return self._pasted(login)
        with LoopbackRedirect(login.redirect_uri, login.address, login.is_answered_by) as redirect:
            if self.opens and _open(redirect.start_url):
                click.echo(f"Log in, in the browser. If none has opened: {redirect.start_url}")
            else:
                click.echo(f"Open this in a browser of this machine:\n  {redirect.start_url}")
            return redirect.wait()

    def _pasted(self, login: Login) -> dict[str, str]:
        click.echo(f"Open this in a browser, and log in:\n  {login.address}\n")
        if self.opens and not self.paste:
            _open(login.address)
        click.echo(
            "The browser ends at an address that begins with\n"
            f"  {login.redirect_uri}\n"
            "It does not matter if nothing is to be seen there: copy the whole address."
        )
        return login.pasted(_read("Paste it here (it is not shown)"))


def _read(question: str) -> str:
    if is_terminal():
        return str(click.prompt(question, hide_input=True, type=str))
    return sys.stdin.readline()


def _open(address: str) -> bool:
    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False
