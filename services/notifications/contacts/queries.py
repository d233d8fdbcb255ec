"""Reads of contacts."""

from services.chassis.readmodels.paging import equals, paged
from services.chassis.service import SqlQuery
from services.contracts.notifications import queries

_CONTACT = "(SELECT contact.*, contact_status.version FROM contact JOIN contact_status USING (resident_id))"

CONTACT = f"SELECT to_json(c) FROM {_CONTACT} c WHERE resident_id = %(resident_id)s"

# A phone number is found by how it begins or by how it ends, with or without its hyphens.
_PHONE = """(%(phone)s::text IS NULL OR EXISTS (
    SELECT FROM regexp_replace(%(phone)s::text, '[^0-9]', '', 'g') AS digits
    WHERE digits <> ''
      AND (replace(phone, '-', '') ^@ digits OR reverse(replace(phone, '-', '')) ^@ reverse(digits))))"""

CONTACTS = paged(
    _CONTACT,
    "resident_id",
    equals("centre"),
    _PHONE,
    "(%(name)s::text IS NULL OR name ^@ normalize(%(name)s::text))",
    by="name",
)

QUERIES = (SqlQuery(queries.Contact, CONTACT), SqlQuery(queries.Contacts, CONTACTS))
