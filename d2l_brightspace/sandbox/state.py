"""Everything one sandbox knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from .access import Gate
from .authorization_codes import AuthorizationCodes
from .clock import Clock
from .credits import Credits
from .data_hub import DataHub
from .faults import Faults
from .journal import Journal
from .keyring import Keyring
from .lists import Lists
from .oauth import TokenIssuer
from .reference import reference
from .seeding import build_world
from .settings import SandboxSettings
from .world import World


@dataclass
class State:
    """Everything one sandbox knows; nothing is shared between two of them."""

    settings: SandboxSettings
    clock: Clock = field(init=False)
    world: World = field(init=False)
    keyring: Keyring = field(init=False)
    codes: AuthorizationCodes = field(init=False)
    issuer: TokenIssuer = field(init=False)
    gate: Gate = field(init=False)
    credits: Credits = field(init=False)
    journal: Journal = field(default_factory=Journal)
    faults: Faults = field(default_factory=Faults)
    url: str = ""
    """Where this server is to be found."""
    storage_url: str = ""
    """Where the storage of Data Hub is to be found; another origin than Brightspace's."""

    def __post_init__(self) -> None:
        """Build the parts from the settings."""
        self.clock = Clock(self.settings.clock, self.settings.clock_offset)
        self.world = build_world(self.settings, self.clock)
        self.keyring = Keyring(self.settings)
        self.codes = AuthorizationCodes(
            self.keyring.web_client_id, self.settings.scopes, self.clock
        )
        self.issuer = TokenIssuer(self.settings, self.keyring, self.codes, self.clock)
        self.gate = Gate(self.keyring, self.issuer, self.clock)
        self.credits = Credits(self.settings, self.clock)

    @cached_property
    def lists(self) -> Lists:
        """The rows of every table."""
        return Lists(self.world, self.settings, reference(), self.url)

    @cached_property
    def hub(self) -> DataHub:
        """Data Hub; made when it is first asked for, as most never do."""
        hub = DataHub(self.settings.data_sets, self.settings.data_set_rows)
        hub.storage_url = self.storage_url
        return hub
