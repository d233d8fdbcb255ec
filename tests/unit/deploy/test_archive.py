"""Which backups of a directory are kept."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from deploy.local import archive

DAY = 86_400


@pytest.fixture
def backups(tmp_path: Path) -> list[Path]:
    """Five, made on five days, the newest today; and what is no backup of ours."""
    made = []
    for age in (4, 3, 2, 1, 0):
        made.append(
            tmp_path / time.strftime("nanum-%Y%m%dT000000.000000Z.backup", time.gmtime(time.time() - age * DAY))
        )
        made[-1].touch()
        os.utime(made[-1], (time.time() - age * DAY - 60,) * 2)
    (tmp_path / "photos.backup").touch()
    (tmp_path / "nanum-00000000T000000.000000Z.backup").symlink_to(tmp_path / "photos.backup")
    return made


@pytest.mark.parametrize(
    ("keep", "days", "kept"), [(2, None, 2), (None, 2.5, 3), (4, 1.5, 2), (1, 9, 1), (9, 9, 5), (None, None, 5)]
)
def test_the_newest_are_kept_and_nothing_else_is_deleted(
    backups: list[Path], keep: int | None, days: float | None, kept: int
) -> None:
    directory = backups[0].parent
    assert archive.prune(directory, keep, days) == backups[: 5 - kept]
    assert sorted(directory.glob("nanum-2*")) == backups[5 - kept :]
    assert (directory / "photos.backup").exists()


def test_a_name_says_when_and_is_among_those_that_are_pruned(tmp_path: Path) -> None:
    first, second = archive.name_now(), archive.name_now()
    assert first < second
    (tmp_path / first).touch()
    assert archive.prune(tmp_path, 0, None) == [tmp_path / first]
