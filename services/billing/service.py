"""Billing as a sum of its capabilities."""

from services.billing import damages, ledger, payments
from services.chassis.service import Service

SERVICE = Service("billing", payments.CAPABILITY, ledger.CAPABILITY, damages.CAPABILITY)
