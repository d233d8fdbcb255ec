"""The lane in which a job is enqueued: its effect's, unless the job names another."""

from __future__ import annotations

from services.billing.payments.model import PaymentAbandoned, PaymentRequested, payment_id_of
from services.billing.payments.policies import cancel_at_terminal
from services.billing.service import SERVICE
from services.chassis.domain import RunEffect, ScheduledCommand
from services.chassis.service import Capability, Schedule, Service
from services.rentals.checkout.model import ExpirePayment
from tests.support.lending import desk, request
from tests.support.scenario import MONDAY, scenario

CENTRE = "gwangju-namgu"
ABOUT = {"centre": CENTRE, "rental_id": f"{CENTRE}.r1", "payment_id": payment_id_of(f"{CENTRE}.r1"), "amount_krw": 4700}
REQUESTED = PaymentRequested(
    **ABOUT,
    resident_id=f"{CENTRE}.p1",
    method="card_terminal",
    requested_at=MONDAY,  # type: ignore[arg-type]
)
ABANDONED = PaymentAbandoned(**ABOUT, abandoned_at=MONDAY)  # type: ignore[arg-type]


def enqueued(service: Service, *events: object) -> set[tuple[str, str]]:
    """The name and the lane of every job that the events bring."""
    return {(job.name, job.lane) for job in scenario(service).given(*events).uow.jobs}


def test_an_effect_waits_in_its_lane() -> None:
    assert enqueued(SERVICE, REQUESTED, ABANDONED) == {("ask_terminal", "urgent"), ("cancel_at_terminal", "normal")}


def test_one_job_of_it_may_wait_in_another() -> None:
    slow = Schedule(PaymentAbandoned, lambda e: [RunEffect(cancel_at_terminal, {}, lane="bulk")])
    service = Service("billing", *SERVICE.capabilities, Capability("slow", schedules=[slow]))
    assert ("cancel_at_terminal", "bulk") in enqueued(service, REQUESTED, ABANDONED)


def test_a_scheduled_command_has_a_lane_too() -> None:
    at = desk().when(request("NG-C10-001"))
    assert {job.lane for job in at.uow.jobs if job.name == "expire_payment"} == {"normal"}
    assert ScheduledCommand(ExpirePayment(rental_id="c.r"), MONDAY, "bulk").lane == "bulk"
