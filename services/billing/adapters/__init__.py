"""What billing calls outside of the system."""
