"""Every metric of a service, in one list. Served at ``/metrics``."""

from prometheus_client import Counter, Gauge, Histogram

COMMANDS = Counter("nanum_commands_total", "Commands carried out, by outcome.", ["name", "outcome"])
BATCH = Histogram("nanum_command_batch_size", "Commands in one transaction.", buckets=(1, 2, 4, 8, 16, 32, 64))
TURN = Histogram("nanum_turn_seconds", "Time of one batch from lock to commit, in seconds.")
HEAD = Gauge("nanum_log_head", "Position of the newest fact in the log.")
RELAYED = Gauge("nanum_relay_position", "Position up to which facts were published and confirmed.")
UNROUTABLE = Counter("nanum_relay_unroutable_total", "Published facts that no queue was bound for.")
BROKER = Gauge("nanum_broker_connected", "1 while the broker is connected, by user of the connection.", ["lane"])
FOLLOWED = Gauge("nanum_followed_position", "Position up to which a source was taken in.", ["source"])
LAG_EVENTS = Gauge("nanum_follower_lag_events", "Facts of a source not yet taken in, as last seen.", ["source"])
LAG_SECONDS = Gauge("nanum_follower_lag_seconds", "Age of the fact last taken in, at that time.", ["source"])
DUPLICATES = Counter("nanum_follower_duplicates_total", "Facts delivered again and ignored.", ["source"])
HOLES = Counter("nanum_follower_holes_total", "Holes in the deliveries, filled from the source's feed.", ["source"])
DIFFERENCES = Gauge("nanum_view_differences", "What differed from the facts when last verified, by view.", ["view"])
VERIFIED = Gauge("nanum_views_verified_timestamp_seconds", "When the views were last verified; 0: not yet.")
PARKED = Gauge("nanum_parked", "Facts that wait for a human, by source.", ["source"])
JOBS = Counter("nanum_jobs_total", "Timers and errands done, by kind and outcome.", ["kind", "outcome"])
