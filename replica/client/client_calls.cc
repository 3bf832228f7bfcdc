// Which nodes a client is connected to, and which it calls.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/client/client_impl.h"
#include "wire/check.h"
#include "wire/codec/codec.h"

namespace quorate {

// ---- calls ------------------------------------------------------------------

void Client::Impl::Call(std::size_t callee) {
  ++handles;
  Link* const call = new Link;
  call->impl = this;
  call->node = callee;
  uv_update_time(loop);  // This turn may have been a long one.
  call->begun_ms = now_ms();
  call->connection = new NodeConnection(
      loop, call, options.nodes[callee], options.cluster_id, options.settings,
      options.observes ? PeerRole::kObserver : PeerRole::kClient,
      options.resolver, options.ways ? options.ways(callee) : EmulatedWays());
  under_way.push_back(call);
  if (const absl::Status started = call->connection->Start(); !started.ok()) {
    FailCall(*call, started);
  }
}

void Client::Impl::CallNodes() {
  if (closing) return;
  while (wants_call()) {
    const std::optional<std::size_t> callee = calls.Next(now_ms());
    if (!callee) break;
    Call(*callee);
    if (closing) return;
  }
  std::int64_t deadline_ms =
      wants_call() ? calls.NextDeadline() : Sessions::kNever;
  for (const Link* call : under_way) {
    deadline_ms =
        std::min(deadline_ms, call->begun_ms + options.retry_timeout_ms);
  }
  if (deadline_ms == Sessions::kNever) {
    uv_timer_stop(&call_timer);
    return;
  }
  call_armed_ms = deadline_ms;
  StartCallTimer(deadline_ms - now_ms());
}

void Client::Impl::StartCallTimer(std::int64_t wait_ms) {
  uv_timer_start(
      &call_timer,
      [](uv_timer_t* handle) {
        static_cast<Impl*>(handle->data)->HandleCallTimer();
      },
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, wait_ms)), 0);
}

// A stopped process still accepts connections, but never says hello.
void Client::Impl::HandleCallTimer() {
  if (now_ms() > std::exchange(call_armed_ms, Sessions::kNever) + kLateMs) {
    call_armed_ms = now_ms() + 1;
    StartCallTimer(1);
    return;
  }
  std::vector<Link*> silent;
  for (Link* call : under_way) {
    if (call->begun_ms + options.retry_timeout_ms <= now_ms()) {
      silent.push_back(call);
    }
  }
  for (Link* call : silent) {
    FailCall(*call,
             absl::DeadlineExceededError(absl::StrCat(
                 ToString(options.nodes[call->node]), ": no handshake within ",
                 options.retry_timeout_ms, " ms")));
    if (closing) return;
  }
  CallNodes();
}

void Client::Impl::EndCall(Link& call) {
  std::erase(under_way, &call);
  call.connection->Close();
}

void Client::Impl::FailCall(Link& call, const absl::Status& reason) {
  const std::size_t callee = call.node;
  EndCall(call);
  const bool round_ended = calls.HandleFailed(callee, now_ms());
  if (link != nullptr) return;  // Only a second node was looked for.
  node = callee;
  // Why a node refuses says more than that another one is not there.
  if (!absl::IsFailedPrecondition(connection_status) ||
      absl::IsFailedPrecondition(reason)) {
    connection_status = reason;
  }
  FailStatusRequests(reason, round_ended);
}

void Client::Impl::EndOtherCalls() {
  for (Link* call : std::exchange(under_way, {})) {
    calls.HandleOutrun(call->node, now_ms());
    call->connection->Close();
  }
}

void Client::Impl::HandleReady(Link& call, const Hello& hello) {
  std::erase(under_way, &call);
  calls.HandleReady(call.node);
  EndOtherCalls();
  sessions.NoteEra(hello.era);
  if (link == nullptr) {
    Use(call);
  } else {
    hedge = &call;
    wants_hedge = false;
  }
  CallNodes();
  Flush();
  if (&call == hedge) DriveHedge();
}

void Client::Impl::Use(Link& better) {
  link = &better;
  node = better.node;
  connection_status = absl::OkStatus();
  if (ever_ready) ++reconnects;
  ever_ready = true;
}

void Client::Impl::HandleLost(Link& lost, const absl::Status& reason) {
  if (&lost == link) {
    LoseNode(reason);
  } else if (&lost == hedge) {
    DropHedge(/*at_fault=*/true, /*at_once=*/false);
  } else {
    FailCall(lost, reason);
    CallNodes();
  }
}

// Goes on with the second node if there is one, else with the next: at once, or
// after a pause when all nodes have been tried since one of them last answered
// anything.
void Client::Impl::LoseNode(const absl::Status& reason) {
  const std::optional<ReplicaId> leader = sessions.leader();
  const bool leader_known =
      leader && static_cast<std::size_t>(Index(*leader)) < options.nodes.size();
  if (leader_known) calls.Prefer(static_cast<std::size_t>(Index(*leader)));
  link->connection->Close();
  const bool round_ended = calls.Leave(link->node, link->served, now_ms());
  link = nullptr;
  sessions.HandleDisconnect();
  connection_status = reason;
  Link* const second = std::exchange(hedge, nullptr);
  const bool goes_on =
      second != nullptr && !closing &&
      (!leader_known ||
       second->node == static_cast<std::size_t>(Index(*leader)));
  wants_hedge = false;
  if (goes_on) {
    Use(*second);
  } else if (second != nullptr) {
    calls.Release(second->node);
    second->connection->Close();
  }
  FailStatusRequests(reason, round_ended && !goes_on);
  CallNodes();
}

void Client::Impl::GoElsewhere() {
  LoseNode(absl::UnavailableError(
      absl::StrCat(name(), sessions.leader() ? ": another node leads"
                                             : ": the node cannot serve now")));
}

void Client::Impl::HandleGone() {
  --handles;
  FinishIfClosed();
}

// ---- a second node ----------------------------------------------------------

void Client::Impl::DriveHedge() {
  if (!hedges() || link == nullptr) return;
  const bool wants = sessions.WantsHedge(now_ms());
  if (hedge != nullptr) {
    if (sessions.hedging()) {
      // Silent as well: the next one.
      if (wants) DropHedge(/*at_fault=*/true, /*at_once=*/false);
    } else if (wants) {
      FlushHedge();
    } else {
      DropHedge(/*at_fault=*/false, /*at_once=*/false);
    }
    return;
  }
  if (wants_hedge == wants) return;
  wants_hedge = wants;
  if (wants) {
    calls.BeginRound();
  } else {
    EndOtherCalls();
  }
  CallNodes();
}

void Client::Impl::DropHedge(bool at_fault, bool at_once) {
  Link* const second = std::exchange(hedge, nullptr);
  second->connection->Close();
  if (at_fault) {
    calls.Leave(second->node, /*served=*/false, now_ms());
  } else {
    calls.Release(second->node);
  }
  if (at_fault || at_once) sessions.HandleHedgeLost(now_ms(), at_once);
  NoteDeadline(sessions.HedgeDeadline());
}

void Client::Impl::GoOnWithHedge() {
  const absl::Status reason = absl::DeadlineExceededError(
      absl::StrCat(name(), ": slower than another"));
  link->connection->Close();
  calls.Leave(link->node, link->served, now_ms());
  sessions.HandleDisconnect();
  Use(*std::exchange(hedge, nullptr));
  FailStatusRequests(reason, false);
  Flush();
}

void Client::Impl::HandleHedgeReplies(ClientReplies& replies) {
  const bool better =
      sessions.HandleHedgeReplies(replies.replies, now_ms(), completed);
  Deliver();
  if (closing || hedge == nullptr) return;
  if (better) {
    GoOnWithHedge();
    return;
  }
  if (const std::optional<ReplicaId> leader = sessions.hedge_leader()) {
    const auto named = static_cast<std::size_t>(Index(*leader));
    if (named < options.nodes.size() && named != link->node &&
        named != hedge->node) {
      calls.Prefer(named);
      DropHedge(/*at_fault=*/false, /*at_once=*/true);
      return;
    }
  }
  DriveHedge();
}

void Client::Impl::FlushHedge() {
  if (hedge == nullptr || hedge->connection->writing() || sessions.hedging() ||
      !sessions.WantsHedge(now_ms())) {
    return;
  }
  CommandBatchPtr batch = sessions.NextHedge(now_ms());
  if (batch == nullptr) return;
  EncodeClientMessage(ClientRequest{.batch = std::move(batch)},
                      hedge->connection->buffer());
  hedge->connection->Flush();
  NoteDeadline(sessions.HedgeDeadline());
}

}  // namespace quorate
