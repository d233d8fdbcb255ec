"""Named reads of our own views. Each yields one JSON document that Postgres has built."""

from __future__ import annotations

from services.chassis.definition import Sql
from services.contracts import notifications as wire

CONTACT = "SELECT to_json(c) FROM contact c WHERE resident_id = %(resident_id)s"

# A phone number is found by how it begins or by how it ends, with or without its hyphens.
CONTACTS = """
WITH asked AS (
    SELECT regexp_replace(%(phone)s::text, '[^0-9]', '', 'g') AS digits
), page AS (
    SELECT c.* FROM contact c, asked
    WHERE centre = %(centre)s
      AND (%(phone)s::text IS NULL OR (digits <> ''
           AND (replace(phone, '-', '') ^@ digits OR reverse(replace(phone, '-', '')) ^@ reverse(digits))))
      AND (%(name)s::text IS NULL OR name ^@ %(name)s::text)
      AND (%(after)s = '' OR (name, resident_id) > (
          SELECT name, resident_id FROM contact WHERE resident_id = %(after)s))
    ORDER BY name, resident_id LIMIT %(limit)s
)
SELECT json_build_object(
    'data', coalesce((SELECT json_agg(p ORDER BY name, resident_id) FROM page p), '[]'),
    'next', CASE WHEN (SELECT count(*) FROM page) = %(limit)s
            THEN (SELECT resident_id FROM page ORDER BY name DESC, resident_id DESC LIMIT 1) END)
"""

NOTICES = """
WITH page AS (
    SELECT * FROM notice
    WHERE centre = %(centre)s
      AND (%(resident_id)s::text IS NULL OR resident_id = %(resident_id)s)
      AND (%(about)s::text IS NULL OR about = %(about)s)
      AND (%(after)s = '' OR (queued_at, notice_id) < (
          SELECT queued_at, notice_id FROM notice WHERE notice_id = %(after)s))
    ORDER BY queued_at DESC, notice_id DESC LIMIT %(limit)s
)
SELECT json_build_object(
    'data', coalesce((SELECT json_agg(p ORDER BY queued_at DESC, notice_id DESC) FROM page p), '[]'),
    'next', CASE WHEN (SELECT count(*) FROM page) = %(limit)s
            THEN (SELECT notice_id FROM page ORDER BY queued_at, notice_id LIMIT 1) END)
"""

ANNOUNCEMENTS = """
WITH page AS (
    SELECT announcement_id, centre, category, reason, group_code AS "group", name_ko, name_en, fee_krw, max_nights,
           manual_ko, manual_en, parts, published_at
    FROM announcement
    WHERE centre = %(centre)s
      AND (%(after)s = '' OR (published_at, announcement_id) < (
          SELECT published_at, announcement_id FROM announcement WHERE announcement_id = %(after)s))
    ORDER BY published_at DESC, announcement_id DESC LIMIT %(limit)s
)
SELECT json_build_object(
    'data', coalesce((SELECT json_agg(p ORDER BY published_at DESC, announcement_id DESC) FROM page p), '[]'),
    'next', CASE WHEN (SELECT count(*) FROM page) = %(limit)s
            THEN (SELECT announcement_id FROM page ORDER BY published_at, announcement_id LIMIT 1) END)
"""

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
