"""The twelve bugs. Each was found in a system of this kind, or is the default of a library that we use."""

from __future__ import annotations

from services.billing import reactions
from services.chassis import execute
from services.chassis.follow import Follower
from services.chassis.lanes import FollowLoop
from services.chassis.relay import Relay
from services.rentals.domain import lending
from tests.mutants.mutant import Change, Mutant

TAKE = """
    took = patiently(lambda: self._follower.take(messages), TRANSIENT, lambda: not self._stopping)
    if took is None:
        return  # told to stop: what is unsettled comes again
    crash.point("follow.before_ack")
    self._inlet.done(opened[-1][0])
"""
PUBLISH = "self._bus.publish(page.messages)"
COMMIT = """
    changes.writes = turn.world.writes()
    crash.point("execute.before_commit")
    turn.commit(changes)
"""

BUGS = (
    Mutant(
        "duplicates are taken in again",
        (
            Change(
                Follower._absorb,
                {
                    "if message.pos <= pos:": "if False:",
                    ", new = message.epoch, message.pos,": ", new = message.epoch, max(pos, message.pos),",
                },
            ),
        ),
    ),
    Mutant(
        "acknowledged before the commit",
        (
            Change(
                FollowLoop._take,
                {
                    TAKE: """
                    self._inlet.done(opened[-1][0])
                    crash.point("follow.before_ack")
                    patiently(lambda: self._follower.take(messages), TRANSIENT, lambda: not self._stopping)
                    """
                },
            ),
        ),
    ),
    Mutant(
        "acknowledged although the handler failed",
        (
            Change(
                FollowLoop._take,
                {
                    TAKE: """
                    try:
                        self._follower.take(messages)
                    except TRANSIENT:
                        pass
                    self._inlet.done(opened[-1][0])
                    """
                },
            ),
        ),
    ),
    Mutant(
        "published without confirms",
        (
            Change(
                Relay.step,
                {
                    PUBLISH: """
                    try:
                        self._bus.publish(page.messages)
                    except BrokerAway:
                        pass
                    """
                },
            ),
        ),
    ),
    Mutant(
        "a new consumer begins with the first message that it gets",
        (
            Change(
                FollowLoop._pull,
                {"self._follower.catch_up()": "self._follower.position() and self._follower.catch_up()"},
            ),
            Change(Follower._absorb, {"if message.previous > pos:": "if pos and message.previous > pos:"}),
        ),
    ),
    Mutant(
        "the relay moves its cursor before the confirm",
        (
            Change(
                Relay.step,
                {
                    PUBLISH: """
                    outbox.move(page.messages[-1].pos)
                    self._bus.publish(page.messages)
                    """
                },
            ),
        ),
    ),
    Mutant("holes are overlooked", (Change(Follower._absorb, {"if message.previous > pos:": "if False:"}),)),
    Mutant("a hold does not stop another rental", (Change(lending.lendable, {"if hold:": "if False:"}),)),
    Mutant(
        "the outcome is stored in a second transaction",
        (
            Change(
                execute._execute,
                {
                    COMMIT: """
                    changes.writes = turn.world.writes()
                    outcomes, changes.outcomes = changes.outcomes, []
                    turn.commit(changes)
                    crash.point("execute.before_outcome")
                    with store.turn([], []) as second:
                        second.commit(Changes(base=second.head, outcomes=outcomes))
                    """
                },
            ),
        ),
    ),
    Mutant(
        "the terminal is asked again under another id",
        (
            Change(
                reactions.ask_terminal,
                {'terminal.ask(data["payment_id"],': "terminal.ask(f\"{data['payment_id']}-{len(terminal.booked)}\","},
            ),
        ),
    ),
    Mutant(
        "the views are written in a second transaction",
        (
            Change(
                execute._execute,
                {
                    COMMIT: """
                    writes = turn.world.writes()
                    turn.commit(changes)
                    crash.point("execute.before_views")
                    with store.turn([], []) as second:
                        second.commit(Changes(base=second.head, writes=writes))
                    """
                },
            ),
        ),
    ),
    Mutant(
        "an outage counts as a bad fact",
        (Change(Follower.take, {"except (*database.AWAY, EpochChanged, NotYet):": "except EpochChanged:"}),),
    ),
)
