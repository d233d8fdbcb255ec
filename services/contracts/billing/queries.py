"""What may be read of billing."""

from services.contracts.base import Centre, Id, Page, query
from services.contracts.billing import views
from services.contracts.billing.words import DamageState, PaymentState


@query(views.Payment)
class Payment:
    """One payment."""

    payment_id: Id


@query(views.Payment, paged=True)
class Payments(Page):
    """Payments of a rental, or all, newest first."""

    centre: Centre
    rental_id: Id | None = None
    state: PaymentState | None = None


@query(views.Damage)
class Damage:
    """One damage."""

    damage_id: Id


@query(views.Damage, paged=True)
class Damages(Page):
    """Damages as they were assessed, newest first: ``waived``, or ``open`` until a manager has settled them."""

    centre: Centre
    rental_id: Id | None = None
    state: DamageState | None = None


@query(views.Ledger)
class Ledger:
    """The balance of every account: debits, credits and their difference, in won."""

    centre: Centre
