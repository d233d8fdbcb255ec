"""Named reads of our own views. Each yields one JSON document that Postgres has built."""

from __future__ import annotations

from services.billing.domain.payment import Payment
from services.chassis.definition import Sql
from services.chassis.listing import asked, given, listing
from services.contracts import billing as wire

PAYMENT = "SELECT to_json(p) FROM payment p WHERE payment_id = %(payment_id)s"

PAYMENTS = listing(
    "payment", "payment_id", given("centre"), asked("rental_id"), asked("state"), by="requested_at", descending=True
)

DAMAGES = listing(
    "damage", "damage_id", given("centre"), asked("rental_id"), asked("state"), by="assessed_at", descending=True
)

LEDGER = """
SELECT json_build_object(
    'centre', %(centre)s::text,
    'accounts', coalesce(json_agg(json_build_object(
        'account', account, 'debit_krw', debit_krw, 'credit_krw', credit_krw,
        'balance_krw', debit_krw - credit_krw) ORDER BY account), '[]'),
    'debit_krw', coalesce(sum(debit_krw), 0),
    'credit_krw', coalesce(sum(credit_krw), 0),
    'difference_krw', coalesce(sum(debit_krw) - sum(credit_krw), 0))
FROM account WHERE centre = %(centre)s
"""

QUERIES = (
    Sql(wire.Payment, PAYMENT, kind=Payment),
    Sql(wire.Payments, PAYMENTS),
    Sql(wire.Damages, DAMAGES),
    Sql(wire.Ledger, LEDGER),
)
