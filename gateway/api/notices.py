"""Notices to residents, and public announcements of what became ready."""

from __future__ import annotations

from gateway.http.auth import DESK, MANAGER, PUBLIC, RESIDENT, only
from gateway.http.route import BRIEFLY, Routes
from services.contracts.notifications.queries import Announcements, Notices

routes = Routes("notices")

routes.list(
    "/v1/notices", Notices, "List notices, newest first. A resident sees their own.", who=only(RESIDENT, DESK, MANAGER)
)
routes.list(
    "/v1/announcements",
    Announcements,
    "List what became ready, newest first, each with its description and its manual.",
    who=PUBLIC,
    caching=BRIEFLY,
)
