"""Reads of contacts."""

from services.chassis.readmodels.paging import Filter, equals, paged
from services.chassis.service import SqlQuery
from services.contracts.notifications import queries

_CONTACT = "(SELECT contact.*, contact_status.version FROM contact JOIN contact_status USING (resident_id))"

CONTACT = f"SELECT to_json(c) FROM {_CONTACT} c WHERE resident_id = %(resident_id)s"

# A phone number is found by how it begins or by how it ends, with or without its hyphens. What begins with a text lies
# between the text and the text with a sign behind it that no other follows: unlike a prefix, a range has an index
# whatever the text is.
_DIGITS = "regexp_replace(%(phone)s::text, '[^0-9]', '', 'g')"
_BEGINS = """{column} COLLATE "C" >= {text} AND {column} COLLATE "C" < {text} || {last}"""
_PHONE = "({digits} <> '' AND ({begins} OR {ends}))".format(
    digits=_DIGITS,
    begins=_BEGINS.format(column="replace(phone, '-', '')", text=_DIGITS, last="':'"),
    ends=_BEGINS.format(column="reverse(replace(phone, '-', ''))", text=f"reverse({_DIGITS})", last="':'"),
)
_NAME = _BEGINS.format(column="name", text="normalize(%(name)s::text)", last="chr(1114111)")

CONTACTS = paged(_CONTACT, "resident_id", equals("centre"), Filter("phone", _PHONE), Filter("name", _NAME), by="name")

QUERIES = (SqlQuery(queries.Contact, CONTACT), SqlQuery(queries.Contacts, CONTACTS))
