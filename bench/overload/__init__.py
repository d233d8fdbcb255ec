"""What a client notices while others do to the gateway whatever a caller can do."""
