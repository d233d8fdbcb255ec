"""Contacts, notices, announcements, in plain Python: no clock, no storage, no broker, no mail server."""
