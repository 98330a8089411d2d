"""dlt's own displays of progress: `dlt.pipeline(progress=…)`, or the setting `progress`."""

from __future__ import annotations

import dlt
from dlt.common.runtime.collector import NullCollector


def shows_progress(pipeline: dlt.Pipeline) -> bool:
    """Whether dlt shows the progress of a pipeline itself.

    Relies on `collector` of a pipeline without such a display being a `NullCollector`.
    """
    return not isinstance(pipeline.collector, NullCollector)
