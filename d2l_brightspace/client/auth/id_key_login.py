"""The log-in of ID-Key: Brightspace sends user id and user key to an address of the caller's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from d2l_brightspace.client.errors import AuthenticationError

from .authorization_code import pasted_parameters
from .id_key import login_url


@dataclass(frozen=True, repr=False)
class IdKeyLogin:
    """One log-in of one person.

    Nothing in the answer that is documented tells which log-in it belongs to (there is an `x_c`
    too, of which nobody says what it signs), and the redirect address has to be the app's whole
    "Trusted URL". So keys are to be tried before they are kept.
    """

    site: str
    """Scheme and host of the Brightspace site."""
    app_id: str
    app_key: str
    redirect_uri: str

    @property
    def address(self) -> str:
        """What the browser opens."""
        return login_url(self.site, self.redirect_uri, self.app_id, self.app_key)

    def is_answered_by(self, answer: Mapping[str, str]) -> bool:
        """Whether the parameters of a redirect hold a user's id and key."""
        return all(_KEY.fullmatch(answer.get(name, "")) for name in ("x_a", "x_b"))

    def pasted(self, text: str) -> dict[str, str]:
        """The parameters in an address that was pasted."""
        return pasted_parameters(text)

    def keys_in(self, answer: Mapping[str, str]) -> dict[str, str]:
        """The settings that a redirect brought: `user_id` and `user_key`.

        Raises:
            AuthenticationError: If it brought none.
        """
        if not self.is_answered_by(answer):
            raise AuthenticationError(
                "The address holds no user id and user key (`x_a` and `x_b`). Log in again, and "
                "paste the address that the log-in ends at."
            )
        return {"user_id": answer["x_a"], "user_key": answer["x_b"]}


_KEY = re.compile(r"[\w.~+/=-]{1,200}", re.ASCII)
