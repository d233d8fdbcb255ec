"""The sections of the house rules."""

from typing import Annotated, Literal

from msgspec import Meta

from services.contracts.base import Centre, value
from services.contracts.house_rules.words import (
    TIME_ZONE,
    BasisPoints,
    Clock,
    Count,
    Dates,
    Days,
    Hours,
    Informative,
    Text,
    Times,
    Won,
    Word,
    Words,
    Years,
)
from services.contracts.inventory.words import Cause, Group, Nights


@value
class CentreDescription:
    """The centre: its names, its place and its clock."""

    id: Centre
    name_ko: Text
    name_en: Text
    place_ko: Text
    place_en: Text
    timezone: Annotated[str, Meta(min_length=1, max_length=60, examples=["Asia/Seoul"]), TIME_ZONE]
    opened: Informative[Annotated[str, Meta(pattern=r"^\d{4}-\d{2}\Z", examples=["2021-03"])]]


@value
class Week:
    """Opening and closing time of each weekday; null: closed."""

    mon: Hours | None
    tue: Hours | None
    wed: Hours | None
    thu: Hours | None
    fri: Hours | None
    sat: Hours | None
    sun: Hours | None


@value
class CalendarRules:
    """When the centre is open. ``extra_open`` and ``extra_closed`` are exceptions from the week and the holidays."""

    weekly: Week
    lunch_break: Informative[Hours | None]
    last_handover_minutes_before_close: Informative[Annotated[int, Meta(ge=0, le=600)]]
    close_on_public_holidays: bool
    extra_open: Dates
    extra_closed: Dates
    public_holidays: Dates


@value
class MembershipRules:
    """Who may become a member, and what is checked."""

    eligible: tuple[Literal["resident", "worker", "student"], ...]
    allow_workers_and_students: bool
    minimum_age: Annotated[int, Meta(ge=0, le=120)]
    id_check: Literal["at_first_handover"]
    keep_id_copy: bool
    residency_recheck_days: Days
    agreement_version_required: bool


@value
class FeeRules:
    """What a rental costs, from the nightly fees of the catalogue."""

    rate_bp_of_purchase_price: Informative[BasisPoints]
    ceiling_bp: Informative[BasisPoints]
    basis: Literal["per_night", "per_rental"]
    minimum_nights: Annotated[int, Meta(ge=0, le=365)]
    charge_closed_days: bool
    rounding: Informative[Literal["floor_100"]]
    vat: Informative[Literal["exempt"]]
    bundles: Informative[Words]


@value
class Exemption:
    """A class of residents that pays less; ``proof_valid_days`` null: no proof is asked for."""

    code: Word
    name_ko: Text
    discount_bp: BasisPoints
    proof_valid_days: Days | None = None
    period_only: bool = False


@value
class Limits:
    """How much one member may have at a time."""

    items_per_member: Count
    units_of_one_category_per_member: Count
    items_per_household: Informative[Count]
    open_reservations_per_member: Informative[Count]


@value
class MaxNights:
    """The most nights of each group of the catalogue."""

    daily: Nights
    camping: Nights
    tool: Nights


@value
class Period:
    """How long a rental lasts. The catalogue holds the most nights of each category."""

    default_nights: Nights
    max_nights: MaxNights
    due_on_closed_day: Literal["next_open_day"]
    due_time: Literal["closing"]


@value
class ExtensionRules:
    """Extending a rental."""

    max_count: Times
    nights: Literal["same_as_first"]
    request_before: Literal["due"]
    refuse_if_reserved_by_another: bool
    charge: Literal["normal_fee"]


@value
class NoShowBlock:
    """So many reservations not picked up within so many days stop reserving."""

    count: Count
    window_days: Days
    block_days: Days


@value
class ReservationRules:
    """Reserving, and the open days that an item of some groups rests for cleaning between two rentals."""

    horizon_days: Informative[Days]
    lead_days: Informative[Days]
    channel: Informative[tuple[Literal["web", "mobile", "desk", "phone"], ...]]
    hold_until: Informative[Literal["closing_of_pickup_day"]]
    no_show_block: Informative[NoShowBlock]
    cleaning_buffer_open_days: Annotated[int, Meta(ge=0, le=30)]
    cleaning_buffer_groups: Annotated[tuple[Group, ...], Meta(max_length=3)]
    pickup_points: Informative[Words]


@value
class LongOverdue:
    """From so many days late on, lending stops for so many days."""

    days: Annotated[int, Meta(ge=1, le=3650)]
    suspension_days: Days


@value
class RepeatOverdue:
    """So many late returns within so many days stop lending."""

    count: Count
    window_days: Days
    suspension_days: Days


@value
class LateRules:
    """What a late return costs: days without lending."""

    counting: Informative[Literal["calendar_days_after_due"]]
    grace_days: Informative[Days]
    usage_fee_per_open_day: Informative[Literal["daily_fee"]]
    money_penalty_per_item_day: Informative[Won]
    suspension_days_per_overdue_item_day: Annotated[int, Meta(ge=0, le=30)]
    long_overdue: LongOverdue
    repeat_overdue: Informative[RepeatOverdue]
    recover_step_days: Informative[tuple[Days, ...]]


@value
class Depreciation:
    """The share of the price that is charged up to an age; ``up_to`` null: older than all others."""

    up_to: Annotated[int, Meta(ge=1, le=1200, description="months")] | None
    charge_bp: BasisPoints


@value
class DamageRules:
    """Who pays for a damage: nobody, unless its cause is one of ``not_covered``."""

    policy: Literal["no_fault"]
    repair_route: Informative[Literal["manufacturer_after_service"]]
    not_covered: tuple[Cause, ...]
    settled_by_hand: Informative[Words]
    settle_order: Informative[tuple[Literal["repair", "same_item_in_kind", "depreciated_price"], ...]]
    depreciation_by_age_months: Informative[tuple[Depreciation, ...]]
    missing_accessory: Informative[Literal["actual_cost"]]
    lost_tag_krw: Informative[Won]
    appeal_days: Informative[Days]


@value
class DirtyReturnBlock:
    """So many dirty returns stop lending for so many days."""

    count: Count
    block_days: Days


@value
class CleaningRules:
    """How an item is to come back."""

    return_state: Literal["clean_dry_complete"]
    reclean_within_days: Days
    dirty_return_block: DirtyReturnBlock
    consumables_supplied: bool


@value
class RefundRules:
    """What is given back."""

    cancel_before_handover: Literal["full"]
    item_faulty_at_handover: Literal["full"]
    early_return: Literal["none"]


@value
class PaymentRules:
    """How the fee is paid; an unanswered payment releases the items after ``answer_within_seconds``."""

    methods: Annotated[tuple[Literal["card_terminal"], ...], Meta(min_length=1, max_length=10)]
    answer_within_seconds: Annotated[int, Meta(ge=1, le=3600)]
    cash: Informative[bool]
    zeropay: Informative[bool]
    refund: Informative[RefundRules]


@value
class SafetyRules:
    """What a resident is shown before items go out."""

    briefing_required_for: Informative[Words]
    manual_ack_required: bool


@value
class NotificationRules:
    """What residents are told, when and how."""

    quiet_hours: Informative[Hours]
    transactional: Informative[Words]
    marketing_opt_in: Informative[Words]
    marketing_consent_recheck_days: Informative[Days]
    channel_order: Informative[tuple[Literal["alimtalk", "sms", "email"], ...]]
    remind_at: Clock = "09:00"


@value
class SurveyRules:
    """How satisfaction is asked for."""

    period: Literal["half_year"]
    scale: Words
    satisfied_levels: Words
    ask_after_return_days: Days


@value
class RetentionRules:
    """How long data is kept."""

    member_profile: Literal["until_withdrawal_or_3_years_idle"]
    erase_within_days: Days
    rental_and_payment_ledger_years: Years
    complaint_and_dispute_years: Years
    staff_access_log_years: Years
    survey_free_text_days: Days
    analytics: Literal["pseudonymised_no_expiry_review_yearly"]
