"""The enumerations of billing."""

from typing import Literal

PaymentState = Literal["pending", "captured", "declined", "abandoned", "refunded"]
DamageState = Literal["waived", "open"]
