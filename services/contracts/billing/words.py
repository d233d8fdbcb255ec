"""The enumerations of billing."""

from typing import Literal

PaymentState = Literal["pending", "captured", "declined", "abandoned", "refunded"]
DeclineReason = Literal[
    "declined", "card_declined", "insufficient_funds", "limit_exceeded", "card_expired", "card_invalid"
]
DamageState = Literal["waived", "open"]
