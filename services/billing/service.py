"""The door of billing: everything that can be asked of it, and everything that it does by itself."""

from services.billing.domain import damage, payment
from services.billing.outside import outside
from services.billing.projections import VIEWS
from services.billing.publish import PUBLISH
from services.billing.queries import QUERIES
from services.billing.reactions import HEARS, JOBS, REACTIONS, SCHEDULE
from services.chassis.definition import Service, command
from services.chassis.entrypoints import Door
from services.contracts import billing as wire

SERVICE = Service(
    name="billing",
    commands=(
        command(wire.OpenCharge, payment.OpenCharge, payment.open_charge, payment.Payment),
        command(wire.RecordCapture, payment.RecordCapture, payment.record_capture, payment.Payment),
        command(wire.RecordDecline, payment.RecordDecline, payment.record_decline, payment.Payment),
        command(wire.AbandonCharge, payment.AbandonCharge, payment.abandon, payment.Payment),
        command(wire.RecordRefund, payment.RecordRefund, payment.record_refund, payment.Payment),
        command(wire.AssessDamage, damage.AssessDamage, damage.assess, damage.Damage),
    ),
    views=VIEWS,
    queries=QUERIES,
    publish=PUBLISH,
    hears=HEARS,
    reactions=REACTIONS,
    schedule=SCHEDULE,
    jobs=JOBS,
    outside=outside,
)


class Billing(Door):
    """Billing at the door of nameko."""

    name = "billing"
    service = SERVICE
