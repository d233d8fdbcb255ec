"""What leaves the service. A fact that is absent here is private, and so is a field that the contract lacks."""

from services.billing.domain import damage, payment
from services.contracts import billing as wire

PUBLISH = {
    payment.PaymentCaptured: wire.PaymentCaptured,
    payment.PaymentDeclined: wire.PaymentDeclined,
    payment.PaymentRefunded: wire.PaymentRefunded,
    damage.ChargeWaived: wire.ChargeWaived,
    damage.ChargeOpened: wire.ChargeOpened,
}
