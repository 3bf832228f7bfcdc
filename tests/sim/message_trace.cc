#include "tests/sim/message_trace.h"

#include "wire/overloaded.h"

namespace quorate::sim {
namespace {

// Every message has some of these members under one name.
struct Fill {
  TraceEntry& entry;

  template <typename M>
  void operator()(const M& m) const {
    if constexpr (requires { m.instance; }) entry.instance = m.instance;
    if constexpr (requires { m.ballot; }) entry.ballot = m.ballot;
    if constexpr (requires { m.promised_ballot; }) {
      entry.ballot = m.promised_ballot;
    }
    if constexpr (requires { m.deps; }) entry.deps = m.deps;
    if constexpr (requires { m.initial_deps; }) entry.deps = m.initial_deps;
    if constexpr (requires { m.executed; }) entry.deps = m.executed;
    if constexpr (requires { m.drop_floor; }) entry.deps = m.drop_floor;
    if constexpr (requires { m.value; }) {
      entry.a = m.value.digest;
      entry.a_label = m.value.kind == ValueKind::kNoop ? "noop" : "digest";
    }
  }
};

}  // namespace

TraceEntry EntryOf(const Message& message, Micros time, const char* what,
                   int node, int peer) {
  TraceEntry entry{.time = time,
                   .what = what,
                   // Name gives literals, which end with a zero.
                   .name = Name(message).data(),
                   .node = node,
                   .peer = peer};
  std::visit(Fill{entry}, message);
  return entry;
}

}  // namespace quorate::sim
