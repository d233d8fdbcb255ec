"""The twelve bugs. Each was found in a system of this kind, or is the default of a library that we use."""

from drills.mutants.mutant import Mutant
from services.billing.payments import policies
from services.chassis.commands import handler
from services.chassis.messaging.consumer_loop import ConsumerLoop
from services.chassis.messaging.relay import Relay
from services.chassis.messaging.subscriber import Subscriber
from services.rentals.checkout import decisions

RECEIVE = """
    position = with_backoff(lambda: self._subscriber.receive(messages), TRANSIENT, lambda: not self._stopping)
    if position is None:
        return  # told to stop: what is not acknowledged is delivered again
    failpoints.reach("subscriber.before_ack")
"""
ACKNOWLEDGED_FIRST = """
    self._consumer.done(opened[-1][0])
    failpoints.reach("subscriber.before_ack")
    with_backoff(lambda: self._subscriber.receive(messages), TRANSIENT, lambda: not self._stopping)
"""
FAILURE_IGNORED = """
    try:
        self._subscriber.receive(messages)
    except TRANSIENT:
        pass
    self._consumer.done(opened[-1][0])
"""
PUBLISH = "safe = self._bus.publish(page.messages, outbox.renew)"
UNCONFIRMED = """
    try:
        self._bus.publish(page.messages, outbox.renew)
    except BrokerUnavailable:
        pass
    safe = len(page.messages)
"""
MOVED_FIRST = """
    outbox.advance(page.messages[-1].position)
    safe = self._bus.publish(page.messages, outbox.renew)
"""
COMMIT = "uow.commit()"
OUTCOME_LATER = """
    stored, uow.outcomes = uow.outcomes, []
    uow.commit()
    failpoints.reach("execute.before_outcome")
    with store.begin() as second:
        second.outcomes = stored
        second.commit()
"""
VIEWS_LATER = """
    writes = uow.writes()
    uow.writes = type(writes)
    uow.commit()
    failpoints.reach("execute.before_views")
    with store.begin() as second:
        second.writes = lambda: writes
        second.commit()
"""
NEWS = "news = [m for m in messages if not known or m.epoch != known.epoch or m.position > known.position]"
OUTAGE = "except (*database.UNAVAILABLE, Halted, OutOfOrder):"
GAP = "if not follows or (strange and not from_feed):"

BUGS = (
    Mutant(
        "duplicates are taken in again",
        (Subscriber.apply_batch, NEWS, "news = list(messages)"),
        (Subscriber._apply, "if message.epoch == at[0] and message.position <= at[1]:", "if False:"),
        (Subscriber._apply, GAP, "if message.previous > at[1]:"),
        (
            Subscriber._apply,
            "at = (message.epoch, message.position, message.id, message.at)",
            "at = max(at, (message.epoch, message.position, message.id, message.at), key=lambda each: each[1])",
        ),
    ),
    Mutant("acknowledged before the commit", (ConsumerLoop.receive, RECEIVE, ACKNOWLEDGED_FIRST)),
    Mutant("acknowledged although the handler failed", (ConsumerLoop.receive, RECEIVE, FAILURE_IGNORED)),
    Mutant("published without confirms", (Relay.step, PUBLISH, UNCONFIRMED)),
    Mutant(
        "a new consumer begins with the first message that it gets",
        (
            ConsumerLoop.read_feed,
            "self._subscriber.catch_up(once)",
            "self._subscriber.position() and self._subscriber.catch_up(once)",
        ),
        (Subscriber._apply, GAP, "if at[1] and (not follows or (strange and not from_feed)):"),
    ),
    Mutant("the relay moves its cursor before the confirm", (Relay.step, PUBLISH, MOVED_FIRST)),
    Mutant("gaps are overlooked", (Subscriber._apply, GAP, "if False:")),
    Mutant("an item in a rental does not stop another one", (decisions.lendable, "if allocation:", "if False:")),
    Mutant("the outcome is stored in a second transaction", (handler._in_one_unit, COMMIT, OUTCOME_LATER)),
    Mutant(
        "the terminal is asked again under another id",
        (
            policies.ask_terminal,
            'terminal.ask(data["payment_id"],',
            "terminal.ask(f\"{data['payment_id']}-{len(terminal.booked)}\",",
        ),
    ),
    Mutant("the views are written in a second transaction", (handler._in_one_unit, COMMIT, VIEWS_LATER)),
    Mutant("an outage counts as a bad event", (Subscriber.receive, OUTAGE, "except Halted:")),
)
