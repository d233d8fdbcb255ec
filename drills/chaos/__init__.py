"""The chaos drill: the whole of Nanum under load and faults, and the checks of what it promised meanwhile."""
