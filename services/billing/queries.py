"""Named reads of our own views. Each yields one JSON document that Postgres has built."""

from __future__ import annotations

from services.billing.domain.payment import Payment
from services.chassis.definition import Sql
from services.contracts import billing as wire

PAYMENT = "SELECT to_json(p) FROM payment p WHERE payment_id = %(payment_id)s"

PAYMENTS = """
WITH page AS (
    SELECT * FROM payment
    WHERE centre = %(centre)s
      AND (%(rental_id)s::text IS NULL OR rental_id = %(rental_id)s)
      AND (%(state)s::text IS NULL OR state = %(state)s)
      AND (%(after)s = '' OR (requested_at, payment_id) < (
          SELECT requested_at, payment_id FROM payment WHERE payment_id = %(after)s))
    ORDER BY requested_at DESC, payment_id DESC LIMIT %(limit)s
)
SELECT json_build_object(
    'data', coalesce((SELECT json_agg(p ORDER BY requested_at DESC, payment_id DESC) FROM page p), '[]'),
    'next', CASE WHEN (SELECT count(*) FROM page) = %(limit)s
            THEN (SELECT payment_id FROM page ORDER BY requested_at, payment_id LIMIT 1) END)
"""

DAMAGES = """
WITH page AS (
    SELECT * FROM damage
    WHERE centre = %(centre)s
      AND (%(rental_id)s::text IS NULL OR rental_id = %(rental_id)s)
      AND (%(state)s::text IS NULL OR state = %(state)s)
      AND (%(after)s = '' OR (assessed_at, damage_id) < (
          SELECT assessed_at, damage_id FROM damage WHERE damage_id = %(after)s))
    ORDER BY assessed_at DESC, damage_id DESC LIMIT %(limit)s
)
SELECT json_build_object(
    'data', coalesce((SELECT json_agg(p ORDER BY assessed_at DESC, damage_id DESC) FROM page p), '[]'),
    'next', CASE WHEN (SELECT count(*) FROM page) = %(limit)s
            THEN (SELECT damage_id FROM page ORDER BY assessed_at, damage_id LIMIT 1) END)
"""

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
