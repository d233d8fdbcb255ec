"""Named reads of our own views. Each yields one JSON document that Postgres has built."""

from __future__ import annotations

from services.chassis.definition import Sql
from services.chassis.listing import asked, given, listing
from services.contracts import notifications as wire

CONTACT = "SELECT to_json(c) FROM contact c WHERE resident_id = %(resident_id)s"

# A phone number is found by how it begins or by how it ends, with or without its hyphens.
_PHONE = """(%(phone)s::text IS NULL OR EXISTS (
    SELECT FROM regexp_replace(%(phone)s::text, '[^0-9]', '', 'g') AS digits
    WHERE digits <> ''
      AND (replace(phone, '-', '') ^@ digits OR reverse(replace(phone, '-', '')) ^@ reverse(digits))))"""

CONTACTS = listing(
    "contact", "resident_id", given("centre"), _PHONE, "(%(name)s::text IS NULL OR name ^@ %(name)s::text)", by="name"
)

NOTICES = listing(
    "notice", "notice_id", given("centre"), asked("resident_id"), asked("about"), by="queued_at", descending=True
)

ANNOUNCEMENTS = listing(
    """(
    SELECT announcement_id, centre, category, reason, group_code AS "group", name_ko, name_en, fee_krw, max_nights,
           manual_ko, manual_en, parts, published_at
    FROM announcement)""",
    "announcement_id",
    given("centre"),
    by="published_at",
    descending=True,
)

# What a letter is made of; read when it is sent, so that nothing personal has to wait in a job.
DRAFT = """
SELECT json_build_object(
    'notice', to_json(n), 'contact', to_json(c), 'rental', to_json(r), 'centre', to_json(z),
    'categories', coalesce((
        SELECT json_agg(g) FROM category g WHERE g.category_id IN (
            SELECT r.centre || '.' || (u->>'category') FROM jsonb_array_elements(r.units) u)), '[]'))::text
FROM notice n
JOIN rental_summary r ON r.rental_id = n.about
JOIN centre z ON z.centre = n.centre
LEFT JOIN contact c ON c.resident_id = n.resident_id
WHERE n.notice_id = %(notice_id)s
"""

QUERIES = (
    Sql(wire.Contact, CONTACT),
    Sql(wire.Contacts, CONTACTS),
    Sql(wire.Notices, NOTICES),
    Sql(wire.Announcements, ANNOUNCEMENTS),
)
