"""Messages: the notices (알림) that residents are sent about their rentals."""

from services.chassis.readmodels.paging import list_query
from services.chassis.service import Capability, CommandHandler, Projection
from services.contracts.notifications.queries import Notices
from services.notifications.messages import decisions, model
from services.notifications.messages.policies import EFFECTS, POLICIES, SCHEDULES

EVENTS = (model.NoticeQueued, model.NoticeDropped, model.NoticeSent, model.NoticeFailed)
CAPABILITY = Capability(
    "messages",
    commands=(
        CommandHandler(model.QueueNotice, decisions.queue),
        CommandHandler(model.RecordSent, decisions.record_sent),
        CommandHandler(model.RecordFailed, decisions.record_failed),
    ),
    projections=(Projection(model.Notice, model.evolve, EVENTS),),
    policies=POLICIES,
    schedules=SCHEDULES,
    effects=EFFECTS,
    queries=(list_query(Notices, model.Notice, by="queued_at"),),
)
