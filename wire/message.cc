#include "wire/message.h"

#include "wire/overloaded.h"

namespace quorate {

std::string_view Name(InstanceStatus status) {
  switch (status) {
    case InstanceStatus::kUnknown: return "unknown";
    case InstanceStatus::kPreAccepted: return "pre-accepted";
    case InstanceStatus::kAccepted: return "accepted";
    case InstanceStatus::kCommitted: return "committed";
  }
  return "unknown";
}

std::string_view Name(const Message& message) {
  return std::visit(
      Overloaded{[](const PreAccept&) { return "PreAccept"; },
                 [](const PreAcceptReply&) { return "PreAcceptReply"; },
                 [](const Accept&) { return "Accept"; },
                 [](const AcceptReply&) { return "AcceptReply"; },
                 [](const Nack&) { return "Nack"; },
                 [](const Commit&) { return "Commit"; },
                 [](const Recover&) { return "Recover"; },
                 [](const RecoverReply&) { return "RecoverReply"; },
                 [](const Validate&) { return "Validate"; },
                 [](const ValidateReply&) { return "ValidateReply"; },
                 [](const Waiting&) { return "Waiting"; },
                 [](const Inquire&) { return "Inquire"; },
                 [](const InquireReply&) { return "InquireReply"; },
                 [](const Frontier&) { return "Frontier"; },
                 [](const Truncated&) { return "Truncated"; },
                 [](const SnapshotRequest&) { return "SnapshotRequest"; },
                 [](const SnapshotChunk&) { return "SnapshotChunk"; },
                 [](const DependencyRequest&) { return "DependencyRequest"; },
                 [](const DependencyReply&) { return "DependencyReply"; },
                 [](const InstanceReplies&) { return "InstanceReplies"; },
                 [](const Prepare&) { return "Prepare"; },
                 [](const Promise&) { return "Promise"; },
                 [](const Lead&) { return "Lead"; },
                 [](const LeadReply&) { return "LeadReply"; }},
      message);
}

Message::Message(const Message& other) = default;
Message::Message(Message&& other) noexcept = default;
Message& Message::operator=(const Message& other) = default;
Message& Message::operator=(Message&& other) noexcept = default;
Message::~Message() = default;

}  // namespace quorate
