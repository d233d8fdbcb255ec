"""The ledger: debits and credits of every payment and refund."""

from services.billing.ledger.model import Account, accounts_of, evolve
from services.billing.ledger.queries import QUERIES
from services.billing.payments.model import PaymentCaptured, PaymentRefunded
from services.chassis.service import Capability, Projection

MOVEMENTS = dict.fromkeys((PaymentCaptured, PaymentRefunded), accounts_of)
CAPABILITY = Capability("ledger", projections=(Projection(Account, evolve, MOVEMENTS, keyed=True),), queries=QUERIES)
