"""The first data of an installation: the centre's house rules and its stock, as commands to the services."""
