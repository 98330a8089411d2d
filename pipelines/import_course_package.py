"""Import a course package into a course offering, with the flags of D2L's own walk-through.

    python pipelines/import_course_package.py --course-package anatomy.zip --course-offering-id 6619
    python pipelines/import_course_package.py --course-offering-id 6619 --job-token TOKEN

The same as `d2l-brightspace import-course`; see its --help. Settings come from `.dlt/config.toml`
and `.dlt/secrets.toml` of this repository, or from the environment.
"""

from __future__ import annotations

import os
from pathlib import Path

from d2l_brightspace.cli.course_jobs import import_course

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    # dlt looks for `.dlt` here, while paths on the command line stay those of the working folder
    os.environ.setdefault("DLT_PROJECT_DIR", str(ROOT))
    import_course.main(prog_name="python pipelines/import_course_package.py")
