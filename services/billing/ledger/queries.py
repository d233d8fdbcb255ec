"""Reads of the ledger."""

from services.chassis.service import SqlQuery
from services.contracts.billing import queries

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

QUERIES = (SqlQuery(queries.Ledger, LEDGER),)
