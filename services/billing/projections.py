"""Facts to rows: which rows each fact touches, and the fold that changes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.billing.domain import damage, ledger, payment
from services.chassis.definition import View


def _of_payment(fact: Any) -> Iterable[str]:
    return (fact.payment_id,)


def _of_damage(fact: Any) -> Iterable[str]:
    return (damage.damage_id(fact.rental_id, fact.barcode),)


VIEWS = (
    View(
        payment.Payment,
        payment.evolve,
        {
            payment.PaymentRequested: _of_payment,
            payment.PaymentCaptured: _of_payment,
            payment.PaymentDeclined: _of_payment,
            payment.PaymentAbandoned: _of_payment,
            payment.PaymentRefunded: _of_payment,
        },
    ),
    View(
        ledger.Account,
        ledger.evolve,
        {payment.PaymentCaptured: ledger.accounts_of, payment.PaymentRefunded: ledger.accounts_of},
        keyed=True,
    ),
    View(damage.Damage, damage.evolve, {damage.ChargeWaived: _of_damage, damage.ChargeOpened: _of_damage}),
    View(
        damage.DamageRules,
        damage.evolve_rules,
        {"house_rules.adopted": lambda h: (h.data["centre"],)},
        source="rentals",
    ),
)
