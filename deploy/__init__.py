"""How Nanum is run: the command line, the local installation, and what ships it elsewhere."""
