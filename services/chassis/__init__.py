"""How every service runs. Not one word of the domain belongs here; see ARCHITECTURE.md for the map."""
