"""The house rules of a centre as a typed document: the one of ``deploy/seed/house_rules.yaml``.

Every setting is required unless it has a default. A setting is read by a service, or marked :data:`Informative`: then
it tells people what holds, and changes nothing by itself. An enumeration lists what the services can do. A new setting
needs a default, or an upcast of ``house_rules.adopted``.
"""

from typing import Annotated, Literal

from msgspec import Meta

from services.contracts.base import value
from services.contracts.house_rules.sections import (
    CalendarRules,
    CentreDescription,
    CleaningRules,
    DamageRules,
    Exemption,
    ExtensionRules,
    FeeRules,
    LateRules,
    Limits,
    MembershipRules,
    NotificationRules,
    PaymentRules,
    Period,
    ReservationRules,
    RetentionRules,
    SafetyRules,
    SurveyRules,
)
from services.contracts.house_rules.words import Informative, Won


@value
class RulesDocument:
    """All house rules of a centre."""

    schema: Informative[Literal["namgu.house-rules/1"]]
    centre: CentreDescription
    calendar: CalendarRules
    membership: Informative[MembershipRules]
    fees: FeeRules
    exemptions: Informative[Annotated[tuple[Exemption, ...], Meta(max_length=50)]]
    exemption_stacking: Informative[Literal["best_only"]]
    exemption_evidence: Informative[Literal["class_and_expiry_only"]]
    limits: Limits
    period: Informative[Period]
    extension: Informative[ExtensionRules]
    reservation: ReservationRules
    late: LateRules
    damage: DamageRules
    cleaning: Informative[CleaningRules]
    deposit_krw: Informative[Won]
    payments: PaymentRules
    safety: SafetyRules
    notifications: NotificationRules
    survey: Informative[SurveyRules]
    retention: Informative[RetentionRules]
