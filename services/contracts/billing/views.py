"""What billing answers."""

from datetime import datetime

from services.contracts.base import Won, view
from services.contracts.billing.words import DamageState, DeclineReason, PaymentState
from services.contracts.inventory.words import Cause


@view
class Payment:
    """One payment. ``refunded_krw`` was given back so far; ``reason`` is the terminal's reason for a decline."""

    payment_id: str
    centre: str
    rental_id: str
    resident_id: str
    amount_krw: Won
    refunded_krw: Won
    method: str
    state: PaymentState
    approval_number: str | None
    reason: DeclineReason | None
    requested_at: datetime
    settled_at: datetime | None
    version: int


@view
class Damage:
    """A damage as the house rules in force decided it: ``rule`` is the one that waives it."""

    damage_id: str
    centre: str
    rental_id: str
    resident_id: str
    barcode: str
    cause: Cause
    state: DamageState
    rule: str | None
    rules_version: int
    assessed_at: datetime
    version: int


@view
class Account:
    """One account of the ledger: sums in won."""

    account: str
    debit_krw: Won
    credit_krw: Won
    balance_krw: int


@view
class Ledger:
    """Every account with its debits, credits and balance, in won; the difference over all is 0."""

    centre: str
    accounts: tuple[Account, ...]
    debit_krw: Won
    credit_krw: Won
    difference_krw: int
