"""Releases that follow one another under load: upgraded side by side, rolled back, rolled forward."""
