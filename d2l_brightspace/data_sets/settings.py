"""The settings of the data sets source, checked before the first request."""

from __future__ import annotations

from typing import ClassVar, Literal

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.client.paths import checked_path
from d2l_brightspace.setting_names import declare

SECTION = "d2l_brightspace_data_sets"
"""Settings live in `[sources.d2l_brightspace_data_sets]`."""

Deletes = Literal["keep", "drop"]
BadRows = Literal["stop", "quarantine"]


@configspec
class FileSettings(BaseConfiguration):
    """Where files are worked on: section `[sources.d2l_brightspace_data_sets.files]`."""

    __section__: ClassVar[str] = "files"

    temp_folder: str | None = None
    """Folder for downloads and for what is made of them; None for the system's."""
    temp_gigabytes: float = 50.0
    """Most that downloads and what is made of them may take there at one time."""
    max_csv_gigabytes: float = 100.0
    """Largest CSV that a zip may hold."""
    at_once: int = 4
    """Data sets that are downloaded and converted side by side."""

    def on_resolved(self) -> None:
        """Check the values.

        Raises:
            ConfigurationError: If one is out of range, or no path.
        """
        if self.temp_folder is not None:
            example = 'temp_folder = "/scratch/brightspace"'
            folder = checked_path(self.temp_folder, "Setting `files.temp_folder`", example)
            self.temp_folder = str(folder)
        for name in ("temp_gigabytes", "max_csv_gigabytes", "at_once"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(
                    f"Setting `files.{name}` must be more than 0; the default is "
                    f"{name} = {getattr(FileSettings, name)}."
                )


declare(SECTION, FileSettings)


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """A setting that can be one of a few words.

    Raises:
        ConfigurationError: If it is none of them.
    """
    if value not in allowed:
        words = " or ".join(f'"{word}"' for word in allowed)
        raise ConfigurationError(f"Setting `{name}` is {value!r}; it can be {words}.")
    return value
