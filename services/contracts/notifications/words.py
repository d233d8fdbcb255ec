"""The enumerations of notifications."""

from typing import Literal

NoticeTopic = Literal["receipt", "payment_failed", "due_tomorrow", "due_today", "overdue", "returned", "repair_closed"]
NoticeState = Literal["queued", "sent", "failed", "dropped"]
AnnouncementReason = Literal["new", "repaired"]
ContactState = Literal["registered", "forgotten"]
ForgetReason = Literal["asked", "moved_away", "entered_twice", "long_unused"]
Language = Literal["ko", "en"]
