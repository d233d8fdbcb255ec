"""What a bearer token says: who makes tokens and who lets their bearers in agree on it here.

A token is a JWT signed with Ed25519, with the claims ``iss``, ``aud``, ``sub``, ``role``, ``centre``, ``iat``, ``exp``
and ``jti``. Its header's ``kid`` names the key; a key says which roles its tokens may name.
"""

RESIDENT, DESK, MANAGER, ANALYST = ROLES = ("resident", "desk", "manager", "analyst")
ISSUER = AUDIENCE = "nanum"
ALGORITHM = "Ed25519"
LONGEST_LIFE = 24 * 3600  # seconds from ``iat`` to ``exp``, at most
ROLES_OF_A_KEY = "nanum_roles"  # the member of a JSON Web Key that lists them
