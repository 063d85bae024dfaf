#!/usr/bin/env python3
"""Validates bills of materials against the JSON schema of CycloneDX 1.5.

    python3 tests/sbom.py FILE...

Needs `cyclonedx-python-lib`, which brings the schema; see `.ci/requirements.in`.
"""

import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

for file in sys.argv[1:]:
    error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(pathlib.Path(file).read_text(encoding="utf-8"))
    if error:
        reason, *_ = str(error).splitlines()
        sys.exit(f"{file} is not a bill of materials of CycloneDX 1.5: {reason}")
    print(f"{file}: valid")
if len(sys.argv) < 2:
    sys.exit("usage: sbom.py FILE...")
