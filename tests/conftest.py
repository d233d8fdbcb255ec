"""Servers and programs for the whole run; each is started when the first test asks for it."""

pytest_plugins = ["tests.support.installation", "tests.support.databases"]
