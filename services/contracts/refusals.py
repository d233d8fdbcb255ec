"""The kinds of "no" that cross a service's border. Only the gateway knows which HTTP status each becomes."""

INVALID = "invalid"  # the request contradicts its schema
NOT_FOUND = "not_found"  # the thing named is not there
CONFLICT = "conflict"  # the thing is in another state than the request needs, or somebody was first
STALE = "stale"  # the thing has another version than the one that was expected
REFUSED = "refused"  # a house rule says no
UNAVAILABLE = "unavailable"  # not now; ask again

KINDS = (INVALID, NOT_FOUND, CONFLICT, STALE, REFUSED, UNAVAILABLE)
