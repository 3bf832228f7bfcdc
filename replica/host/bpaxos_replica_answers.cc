// Commands in, answers out.
#include <utility>

#include "replica/host/bpaxos_replica.h"
#include "wire/limits.h"

namespace quorate {

void BpaxosReplica::TakeIn(const ClientCommands& event, Actions& actions) {
  if (leader_) return queue_.Add(event, actions);
  // Another leader each time: which of them are up is not known here.
  do {
    sent_to_ = ReplicaAt((Index(sent_to_) + 1) % kMaxNodes);
  } while (!cluster_.roles.leaders.Contains(sent_to_));
  const std::size_t first = actions.replies.size();
  for (const CommandBatchPtr& batch : event.batches) {
    RefuseAll(*batch, RefusalReason::kNotLeader, actions);
  }
  for (std::size_t i = first; i < actions.replies.size(); ++i) {
    actions.replies[i].reply.instance.replica = sent_to_;
  }
}

void BpaxosReplica::Propose(Effects& effects) {
  if (!leader_) return;
  for (CommandBatchPtr& batch : leader_->TakeResubmissions()) {
    queue_.AddAgain(std::move(batch));
  }
  while (!queue_.empty() && !HoldsBack() &&
         leader_->in_flight() < settings_.max_in_flight) {
    leader_->Propose(queue_.Take(), effects);
  }
}

void BpaxosReplica::ProposeNow(CommandBatchPtr batch, Actions& actions) {
  Effects effects(shared_, actions);
  leader_->Propose(std::move(batch), effects);
}

// What waits for execution, here or, as far as this leader can tell, elsewhere.
bool BpaxosReplica::HoldsBack() const {
  return executor_.stats().waiting_instances >=
             settings_.max_waiting_instances ||
         leader_->awaiting_replies() >= settings_.max_waiting_instances;
}

// Clients hear from their leader: from its own executor if it has one,
// otherwise from the executor whose part the instance is.
void BpaxosReplica::Answer(Effects& effects) {
  InstanceReplies replies;
  std::size_t bytes = 0;
  bool is_ours = false;
  for (ExecutedCommand& command : executed_.commands) {
    const ReplicaId leader = command.instance.replica;
    ClientReply reply{.id = command.id,
                      .origin = command.origin,
                      .status = command.status,
                      .reason = command.reason,
                      .instance = command.instance};
    if (leader == settings_.self) {
      reply.results = std::move(command.results);
      if (leader_) leader_->Review(reply);
      effects.actions().replies.push_back({.reply = std::move(reply)});
      continue;
    }
    // A batch that is shared in memory shows its origin to every node.
    if (cluster_.roles.executors.Contains(leader)) continue;
    // In parts that fit a frame, whatever the commands have read.
    if (command.instance != replies.instance || bytes > kPieceBytes) {
      SendReplies(replies, effects);
      replies.instance = command.instance;
      bytes = 0;
      is_ours = executing_->AnswersFor(command.instance, shared_.suspected);
    }
    if (!is_ours) continue;
    reply.origin = 0;
    reply.results = std::move(command.results);
    bytes += sizeof(ClientReply) + BytesOf(reply.results);
    replies.replies.push_back(std::move(reply));
  }
  SendReplies(replies, effects);
  effects.actions().result_bytes += executed_.result_bytes;
  std::vector<InstanceId>& executed = effects.actions().executed;
  executed.insert(executed.end(), executed_.instances.begin(),
                  executed_.instances.end());
  executed_.Clear();
}

void BpaxosReplica::SendReplies(InstanceReplies& replies, Effects& effects) {
  if (replies.replies.empty()) return;
  const ReplicaId leader = replies.instance.replica;
  effects.Send(leader, std::exchange(replies, {}), 0);
}

}  // namespace quorate
