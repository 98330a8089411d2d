"""The main job: Brightspace into the warehouse, which is DuckDB or any other destination of dlt.

The same as `d2l-brightspace load`; see its --help:

    python pipelines/d2l_brightspace_pipeline.py --tables classlist --org-unit-ids 6606,6607

Settings come from `.dlt/config.toml`, credentials from `.dlt/secrets.toml` (see
`.dlt/example.secrets.toml`) or from the environment: of the working folder, or of this repository
where the working folder has none.
"""

from __future__ import annotations

from d2l_brightspace.cli.load import load, load_command
from d2l_brightspace.cli.workspace import enter_workspace_of

__all__ = ["load"]

if __name__ == "__main__":
    enter_workspace_of(__file__)
    load_command.main(prog_name="python d2l_brightspace_pipeline.py")
