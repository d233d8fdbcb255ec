"""The ledger: every won that moves is written twice, as the debit of one account and the credit of another."""

from services.billing.payments.model import PaymentCaptured, PaymentRefunded
from services.chassis.domain import replace, state
from services.contracts.base import id_of, within

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


def accounts_of(event: Movement) -> tuple[str, str]:
    """The ids of the two accounts that a movement is written in."""
    return id_of(event.centre, TERMINAL), id_of(event.centre, FEES)


def evolve(account_id: str, account: Account | None, event: Movement) -> Account:
    """The account after a movement: a capture debits what the card company owes us, a refund credits it."""
    name = within(account_id)
    row = account or Account(account_id=account_id, centre=event.centre, account=name, debit_krw=0, credit_krw=0)
    debited = TERMINAL if isinstance(event, PaymentCaptured) else FEES
    if name == debited:
        return replace(row, debit_krw=row.debit_krw + event.amount_krw)
    return replace(row, credit_krw=row.credit_krw + event.amount_krw)
