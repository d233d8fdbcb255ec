"""The types of the settings, and the mark of those that no service reads."""

from datetime import date
from typing import Annotated, TypeVar

from msgspec import Meta

from services.contracts.texts import CATALOGUE_TEXT, Form, unseen

T = TypeVar("T")
Informative = Annotated[T, Meta(extra_json_schema={"x-informative": True})]

Clock = Annotated[
    str,
    Meta(
        pattern=r"^([01]\d|2[0-3]):[0-5]\d\Z",
        examples=["09:00"],
        extra={"error": "A time of the day is written as 09:00."},
    ),
]
Hours = tuple[Clock, Clock]
Text = Annotated[str, Meta(min_length=1, max_length=100, extra={"check": unseen}), CATALOGUE_TEXT]
TIME_ZONE = Form(r"[A-Za-z0-9_+-]{1,30}(?:/[A-Za-z0-9_+-]{1,30}){0,2}")
Word = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,59}\Z",
        extra={"error": "A word has small letters, digits, _ and - only, as basic_livelihood."},
    ),
]
Words = Annotated[tuple[Word, ...], Meta(max_length=50)]
Dates = Annotated[tuple[date, ...], Meta(max_length=400)]
Count = Annotated[int, Meta(ge=1, le=1000)]
Days = Annotated[int, Meta(ge=0, le=3650)]
Times = Annotated[int, Meta(ge=0, le=100)]
Years = Annotated[int, Meta(ge=0, le=100)]
BasisPoints = Annotated[int, Meta(ge=0, le=10_000, description="hundredths of a percent")]
Won = Annotated[int, Meta(ge=0, le=10_000_000, description="whole won")]
