"""The API against its own document: whatever schemathesis makes up, as each role, no answer is a fault or undocumented.

``NANUM_FUZZ_CASES`` is about how many requests are made up for all roles together; without it the run is short. It has
an installation of its own, as a manager may well change every rule of the house.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api import Api
from tests.support.installation import installation

CASES = int(os.environ.get("NANUM_FUZZ_CASES", "0"))
ROLES = ("anonymous", "resident", "analyst", "desk", "manager")  # the manager comes last
FEWEST = 2  # made-up requests for each operation
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
    "unsupported_method",
    "ignored_auth",
)
KNOWN = """
[[operations]]
include-path-regex = "^/v1/rentals/"
parameters = {{ id = "{rental}" }}

[[operations]]
include-path-regex = "^/v1/residents/"
parameters = {{ id = "{resident}" }}

[[operations]]
include-path-regex = "^/v1/(categories|events)/"
parameters = {{ code = "C10", service = "rentals" }}
"""


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with installation() as fleet:
        yield Api(fleet)


@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_one_that_the_document_promises(api: Api, role: str, tmp_path: Path) -> None:
    resident = api.resident()
    rental = api.lend(resident, *api.stock(1))["rental_id"]
    caller = {"anonymous": "", "resident": f"resident:{resident}"}.get(role, role)
    headers = ["-H", f"Authorization: Bearer {api.token(caller)}"] if caller else []
    if role in ("resident", "desk"):  # the other roles meet things that are not there
        (tmp_path / "schemathesis.toml").write_text(KNOWN.format(rental=rental, resident=resident))
    operations = sum(map(len, api.call("GET", "/openapi.json", role="").json()["paths"].values()))
    phases = "examples,coverage,fuzzing,stateful" if CASES else "coverage" if role == "manager" else "examples,fuzzing"
    ran = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{api.url}/openapi.json", *headers),
            *("--checks", ",".join(CHECKS), "--phases", phases, "--continue-on-failure", "--no-shrink", "--no-color"),
            *("--max-examples", str(max(FEWEST, CASES // len(ROLES) // operations)), "--request-timeout", "40"),
            *("--report-json-path", "report.json", "--seed", str(ROLES.index(role)), "--warnings", "off"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=7200 if CASES else 300,
    )
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert found["operations"]["tested"] >= operations - 1  # it leaves out the one that gives the document
    assert found["test_cases"]["generated"] >= operations
