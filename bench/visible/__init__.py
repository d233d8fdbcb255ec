"""From the commit of an event to its effect in another service: `python -m bench.visible`."""
