#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/client/session_harness.h"

namespace quorate {
namespace {

// Every command completes exactly once, and as refused only if no node was left
// with an unanswered copy, whatever a cluster answers and when.
TEST_F(SessionsTest, CompletesEveryCommandOnceUnderRandomTrouble) {
  std::uint64_t state = 1;
  const auto draw = [&state](std::uint64_t n) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (state >> 33) % n;
  };
  std::vector<std::size_t> numbers{session_};
  while (numbers.size() < 5) numbers.push_back(sessions_.Open());
  std::vector<Command> at_node;  // sent on this connection, unanswered
  std::map<CommandId, std::uint64_t> tags;
  std::map<std::uint64_t, std::uint64_t> last_sequence;  // by tag
  std::set<std::uint64_t> doubtful;                      // tags
  std::set<std::uint64_t> withdrawn;                     // tags
  std::uint64_t era = 0;
  std::int64_t now_ms = 0;
  constexpr std::uint64_t kCommands = 20000;
  std::uint64_t tag = 0;
  const auto answer = [&] {
    const std::size_t at = draw(at_node.size());
    const Command command = at_node[at];
    at_node[at] = at_node.back();
    at_node.pop_back();
    switch (draw(12)) {
      case 0:
        Answer(command, ReplyStatus::kRefused, RefusalReason::kMalformed,
               now_ms);
        return;
      case 1:
        Answer(command, ReplyStatus::kRefused, RefusalReason::kBusy, now_ms);
        return;
      case 2:
        Answer(command, ReplyStatus::kUnknown, RefusalReason::kNone, now_ms);
        doubtful.insert(tags.at(command.id));
        return;
      case 3:
        if (draw(20) == 0) sessions_.NoteEra(++era);
        Answer(command, ReplyStatus::kRefused, RefusalReason::kSessionExpired,
               now_ms);
        return;
      default: Answer(command, ReplyStatus::kDone); return;
    }
  };
  while (tag < kCommands || sessions_.outstanding() > 0) {
    if (tag < kCommands && draw(2) == 0) {
      const std::string key = std::to_string(++tag);
      const Operation operation{
          .kind = tag % 2 == 0 ? OperationKind::kGet : OperationKind::kPut,
          .key = key};
      const std::size_t number = numbers[draw(numbers.size())];
      sessions_.Submit(number, {&operation, 1}, tag, now_ms);
    }
    if (draw(4) == 0) {
      while (const CommandBatchPtr batch = sessions_.NextBatch(now_ms)) {
        for (const Command& command : batch->commands()) {
          const std::uint64_t sent =
              std::stoull(std::string(batch->operations(command)[0].key));
          tags[command.id] = sent;
          at_node.push_back(command);
          if (batch->operations(command)[0].kind == OperationKind::kWithdraw) {
            withdrawn.insert(sent);
          } else {
            last_sequence[sent] = command.id.sequence;
          }
        }
      }
    }
    if (!at_node.empty() && draw(2) == 0) answer();
    if (draw(100) == 0) now_ms += static_cast<std::int64_t>(draw(80));
    sessions_.HandleTime(now_ms, completed_);
    if (sessions_.WantsOtherNode(now_ms) || draw(500) == 0) {
      for (const Command& command : at_node) {
        doubtful.insert(tags.at(command.id));
      }
      at_node.clear();
      sessions_.HandleDisconnect();
    }
  }
  ASSERT_EQ(completed_.size(), kCommands);
  std::set<std::uint64_t> completed_tags;
  std::uint64_t refused = 0;
  for (const Completion& completion : completed_) {
    completed_tags.insert(completion.tag);
    const auto sent = last_sequence.find(completion.tag);
    if (completion.status == ReplyStatus::kDone) {
      ASSERT_NE(sent, last_sequence.end());
      EXPECT_EQ(completion.sequence, sent->second);
    }
    if (withdrawn.contains(completion.tag)) {
      EXPECT_EQ(completion.status, ReplyStatus::kUnknown);
    }
    if (completion.status != ReplyStatus::kRefused) continue;
    ++refused;
    EXPECT_FALSE(doubtful.contains(completion.tag)) << "tag " << completion.tag;
  }
  EXPECT_EQ(completed_tags.size(), kCommands);
  EXPECT_GT(era, 5u);
  EXPECT_GT(refused, 0u);
  EXPECT_GT(withdrawn.size(), 0u);
  EXPECT_GT(sessions_.stats().unknown, 0u);
  EXPECT_GT(sessions_.stats().retried, 0u);
}

}  // namespace
}  // namespace quorate
