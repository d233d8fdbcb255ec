"""Every metric of a service, in one list. Served at ``/metrics``."""

from prometheus_client import Counter, Gauge, Histogram

COMMANDS = Counter("nanum_commands_total", "Commands carried out, by outcome.", ["name", "outcome"])
BATCH = Histogram("nanum_command_batch_size", "Commands in one transaction.", buckets=(1, 2, 4, 8, 16, 32, 64))
UNIT_OF_WORK = Histogram("nanum_unit_of_work_seconds", "Time of one batch from lock to commit, in seconds.")
HEAD = Gauge("nanum_log_head_position", "Position of the newest event in the log.")
RELAYED = Gauge("nanum_relay_position", "Position up to which events were published and confirmed.")
UNROUTABLE = Counter("nanum_relay_unroutable_total", "Published events that no queue was bound for.")
BROKER = Gauge("nanum_broker_connected", "1 while the broker is connected, by connection.", ["connection"])
SUBSCRIBED = Gauge("nanum_subscriber_position", "Position up to which a source was taken in.", ["source"])
LAG_EVENTS = Gauge("nanum_subscriber_lag_events", "Events of a source not yet taken in, as last seen.", ["source"])
LAG_SECONDS = Gauge("nanum_subscriber_lag_seconds", "Age of the event last taken in, at that time.", ["source"])
DUPLICATES = Counter("nanum_subscriber_duplicates_total", "Events delivered again and ignored.", ["source"])
GAPS = Counter("nanum_subscriber_gaps_total", "Gaps in the deliveries, filled from the source's feed.", ["source"])
DIFFERENCES = Gauge("nanum_view_differences", "Differences from the events when last verified, by view.", ["view"])
VERIFIED = Gauge("nanum_views_verified_timestamp_seconds", "When the views were last verified; 0: not yet.")
PARKED = Gauge("nanum_parked_events", "Parked events, by source.", ["source"])
JOBS = Counter("nanum_jobs_total", "Jobs done, by name and outcome.", ["name", "outcome"])
JOBS_OVERDUE = Gauge("nanum_jobs_overdue_seconds", "How long the oldest job of a name waits past its time.", ["name"])
JOBS_UNKNOWN = Gauge("nanum_jobs_unknown", "1 while jobs of a name wait that this release does not know.", ["name"])
