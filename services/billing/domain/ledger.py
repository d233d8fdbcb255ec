"""The ledger: every won that moves is written twice, as the debit of one account and the credit of another."""

from __future__ import annotations

from collections.abc import Iterable

from services.billing.domain.payment import PaymentCaptured, PaymentRefunded
from services.chassis.kernel import replace, state

TERMINAL, FEES = "terminal_receivable", "rental_fees"

Movement = PaymentCaptured | PaymentRefunded


@state("account", key="account_id")
class Account:
    """An account of a centre: the sums of its debits and of its credits, in won."""

    account_id: str
    centre: str
    account: str
    debit_krw: int
    credit_krw: int


def accounts_of(fact: Movement) -> Iterable[str]:
    """The two accounts that a movement is written in."""
    return (f"{fact.centre}.{TERMINAL}", f"{fact.centre}.{FEES}")


def evolve(account_id: str, now: Account | None, fact: Movement) -> Account:
    """The account after a movement: a capture debits what the card company owes us, a refund credits it."""
    account = account_id.removeprefix(f"{fact.centre}.")
    row = now or Account(account_id=account_id, centre=fact.centre, account=account, debit_krw=0, credit_krw=0)
    debited = TERMINAL if isinstance(fact, PaymentCaptured) else FEES
    if account == debited:
        return replace(row, debit_krw=row.debit_krw + fact.amount_krw)
    return replace(row, credit_krw=row.credit_krw + fact.amount_krw)
