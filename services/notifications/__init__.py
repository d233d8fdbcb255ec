"""Notifications: talking to people. The only home of personal data. Start at service.py."""
