#include "replica/base/outbox.h"

#include <algorithm>

namespace quorate {

void Outbox::Send(ReplicaSet to, Message message, RecordSequence rests_on,
                  Actions& actions) {
  if (to.empty()) return;
  if (rests_on <= durable_) {
    return Release(
        {.to = to, .message = std::move(message), .rests_on = rests_on},
        actions);
  }
  actions.persist_is_lazy = false;
  waiting_.push_back(
      {.to = to, .message = std::move(message), .rests_on = rests_on});
}

void Outbox::Release(OutgoingMessage message, Actions& actions) {
  spoken_to_ = ReplicaSet::FromBits(
      static_cast<std::uint16_t>(spoken_to_.bits() | message.to.bits()));
  actions.messages.push_back(std::move(message));
}

void Outbox::SendAgain(ReplicaSet to, Message message, RecordSequence rests_on,
                       Actions& actions) {
  if (rests_on > durable_) return;
  Send(to, std::move(message), rests_on, actions);
}

void Outbox::Durable(RecordSequence through, Actions& actions) {
  durable_ = std::max(durable_, through);
  // In order: one that rests on an older record but was given later waits for
  // those before it, which are about to be durable as well.
  while (!waiting_.empty() && waiting_.front().rests_on <= durable_) {
    Release(std::move(waiting_.front()), actions);
    waiting_.pop_front();
  }
}

}  // namespace quorate
