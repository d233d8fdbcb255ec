"""From the commit of a fact to its effect in another service: `python -m bench.visible`."""
