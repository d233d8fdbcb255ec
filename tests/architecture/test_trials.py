"""The recipes of CONTRIBUTING.md can be followed to the letter: each trial follows one in a copy of the project."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.architecture.trials import PYTHON, RUN, copy, example, files_named, run, steps

RECIPES = ("Add a command", "Add a reaction", "Add a capability", "Add a service")
RULES = ("tests/architecture", "--ignore=tests/architecture/test_trials.py", "tests/contract")
# Beyond what the example itself tests: the new service on a real Postgres.
MIGRATES = "tests/integration/test_migrations.py::test_a_view_has_the_columns_of_its_state_and_a_query_runs"
MORE = {"Add a service": [f"{MIGRATES}[lockers]"]}


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The copies differ in little: what mypy finds out about one holds for most of the next."""
    return {**os.environ, "MYPY_CACHE_DIR": str(tmp_path_factory.mktemp("mypy"))}


@pytest.fixture
def root() -> Iterator[Path]:
    """A directory for a copy. Others may enter it, as Postgres does not run as root."""
    with tempfile.TemporaryDirectory(prefix="nanum-trial-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_example_follows_the_recipe(recipe: str) -> None:
    told, edits = steps(recipe), example(recipe)
    assert [edit.step for edit in edits] == sorted(edit.step for edit in edits)
    assert {edit.step for edit in edits} == set(told) == set(range(1, len(told) + 1))
    for edit in edits:
        if edit.path == RUN:
            assert all(f"`{line}`" in told[edit.step] for line in edit.text.splitlines())
        else:
            named = any(name.fullmatch(edit.path) for name in files_named(told[edit.step]))
            assert named, f"step {edit.step} does not name {edit.path}"


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_can_be_followed_to_the_letter(recipe: str, root: Path, env: Mapping[str, str]) -> None:
    copy(root)
    edits = example(recipe)
    for edit in edits:
        edit.carry_out(root, env)
    own = dict.fromkeys(edit.path for edit in edits if Path(edit.path).name.startswith("test_"))
    run([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *RULES, *own, *MORE.get(recipe, [])], root, env)


def test_a_service_is_named_in_one_place() -> None:
    """Beside its own folders and tests: in SERVICES. The module of its routes is listed as that of any resource."""
    changed = {edit.path for edit in example("Add a service") if edit.where != "The whole file" and edit.path != RUN}
    others = {path for path in changed if not path.startswith("tests/")}
    assert others == {"services/contracts/__init__.py", "gateway/api/__init__.py"}
