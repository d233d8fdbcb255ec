"""Notifications: contacts, notices, announcements. What crosses its border."""
