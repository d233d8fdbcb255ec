"""Stands in for a mail server: takes letters from whoever knows the password, and keeps them in a directory."""
