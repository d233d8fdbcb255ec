"""A card terminal for an installation without one: it approves, declines, answers late or never, as it was set to."""
