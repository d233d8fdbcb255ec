"""What the clients saw: every operation from its first try to its definite answer. Times are seconds of one clock."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

OK, REFUSED, INFO = "ok", "refused", "info"
MEDDLE = "meddle"  # the kind of what names another centre's things


@dataclass(slots=True)
class Op:
    """One operation of one desk. ``info``: nobody knows yet; a repeat of ``of`` asks for the same outcome again.

    ``id`` is the Idempotency-Key; ``about`` is who asked for what (centre, barcodes, rental, route); ``code``: refusal.
    """

    desk: str
    kind: str
    id: str
    began: float
    about: dict[str, Any] = field(default_factory=dict)
    ended: float | None = None
    outcome: str = INFO
    attempts: int = 0
    faults: int = 0  # answers 500: a fault of ours that should never be
    status: int = 0
    code: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    reply: str = ""  # digest of the answer's body
    version: int | None = None
    seen: dict[str, Any] = field(default_factory=dict)
    repeats: bool = False

    @property
    def centre(self) -> str:
        """The centre of whoever asked."""
        return str(self.about["centre"])

    @property
    def definite(self) -> bool:
        """Whether the outcome is known."""
        return self.outcome != INFO


class History:
    """All operations, in the order in which they began."""

    def __init__(self) -> None:
        self.ops: list[Op] = []

    def commands(self) -> list[Op]:
        """The operations that change something; repeats of old ones not counted."""
        return [op for op in self.ops if op.kind not in ("scan", "read", MEDDLE) and not op.repeats]

    def acknowledged(self) -> list[Op]:
        """The commands that were answered with success."""
        return [op for op in self.commands() if op.outcome == OK]

    def write(self, path: Path) -> None:
        """One JSON document a line."""
        with path.open("w", encoding="utf-8") as out:
            for op in self.ops:
                out.write(json.dumps(asdict(op), ensure_ascii=False) + "\n")
