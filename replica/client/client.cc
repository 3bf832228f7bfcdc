#include "replica/client/client.h"

#include <uv.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/client/calls.h"
#include "replica/client/node_connection.h"
#include "replica/client/session.h"
#include "wire/check.h"
#include "wire/codec/codec.h"
#include "wire/overloaded.h"

namespace quorate {
namespace {

constexpr std::int64_t kNever = Sessions::kNever;
// A timer so late means that this process did not run: what has come meanwhile
// is read before anybody is called silent.
constexpr std::int64_t kLateMs = 20;
// Bytes encoded before they are offered to the socket.
constexpr std::size_t kWriteBytes = 1024 * 1024;

void IgnoreBrokenPipes() {
  struct sigaction action {};
  if (sigaction(SIGPIPE, nullptr, &action) == 0 &&
      action.sa_handler == SIG_DFL) {
    std::signal(SIGPIPE, SIG_IGN);
  }
}

std::uint64_t DrawSeed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

// When to write, and to whom. The protocol of commands is in Sessions, which
// node to call in Calls, the protocol of one connection in NodeConnection.
struct Client::Impl final {
  // A connection, from the call to its end; deletes itself with it.
  struct Link final : NodeConnection::Owner {
    void HandleReady(const Hello& hello) override {
      impl->HandleReady(*this, hello);
    }
    void HandleMessage(ClientMessage message) override {
      impl->HandleMessage(*this, message);
    }
    void HandleWritten() override { impl->Flush(); }
    void HandleLost(const absl::Status& reason) override {
      impl->HandleLost(*this, reason);
    }
    void HandleGone() override {
      Impl* const owner = impl;
      delete this;
      owner->HandleGone();
    }

    Impl* impl = nullptr;
    std::size_t node = 0;
    NodeConnection* connection = nullptr;  // owned by the loop
    std::int64_t begun_ms = 0;
    bool served = false;  // has answered anything but Hello
  };

  Impl(uv_loop_t* loop_in, ClientOptions options_in, CompletionHandler handler);

  void Call(std::size_t callee);
  // Begins the calls that are due and sets the timer for the next.
  void CallNodes();
  void EndCall(Link& link);
  void FailCall(Link& link, const absl::Status& reason);
  void EndOtherCalls();
  void Use(Link& link);
  void LoseNode(const absl::Status& reason);
  // As the node itself wants it: to the leader that it names, if it is known.
  void GoElsewhere();
  // Asks a second node, or another one, or no longer.
  void DriveHedge();
  void DropHedge(bool at_fault, bool at_once);
  // The second node is the better one.
  void GoOnWithHedge();
  void HandleHedgeReplies(ClientReplies& replies);
  void Flush();
  bool EncodeSome();
  void FlushHedge();
  void Deliver();
  void HandleTimer();
  void HandleCallTimer();
  void StartCallTimer(std::int64_t wait_ms);
  void NoteDeadline(std::int64_t deadline_ms);
  void ExpireStatusRequests(std::int64_t now_ms);
  // Ends the requests that were sent, or all of them.
  void FailStatusRequests(const absl::Status& why, bool unsent_too);
  void Close(std::function<void()> closed_in);
  void FinishIfClosed();

  void HandleReady(Link& link, const Hello& hello);
  void HandleMessage(Link& link, ClientMessage& message);
  void HandleLost(Link& link, const absl::Status& reason);
  void HandleGone();

  std::int64_t now_ms() const {
    return static_cast<std::int64_t>(uv_now(loop));
  }
  bool hedges() const {
    return options.hedge_ms > 0 && options.nodes.size() > 1;
  }
  bool wants_call() const {
    return link == nullptr || (wants_hedge && hedge == nullptr);
  }
  std::string name() const { return ToString(options.nodes[node]); }

  struct StatusRequest {
    std::int64_t deadline_ms = 0;
    bool sent = false;
    // Empty when it has timed out and only its reply is still to come.
    std::function<void(absl::StatusOr<std::string>)> done;
  };

  uv_loop_t* loop;
  ClientOptions options;
  CompletionHandler handler;
  Sessions sessions;
  Calls calls;

  std::vector<Link*> under_way;  // calls without an answer
  Link* link = nullptr;          // to the node in use
  Link* hedge = nullptr;         // to the second one
  bool wants_hedge = false;      // a second node is being called
  bool ever_ready = false;
  bool turn_has_submits = false;
  std::size_t node;  // in use, or the last one
  absl::Status connection_status = absl::UnavailableError("not connected yet");
  std::uint64_t reconnects = 0;
  ClientStats stats;

  uv_prepare_t prepare;
  uv_timer_t timer;       // deadlines of commands and status requests
  uv_timer_t call_timer;  // a call that takes long, or time for another
  std::int64_t armed_ms = kNever;
  std::int64_t call_armed_ms = kNever;
  bool was_late = false;

  std::vector<Completion> completed;
  std::vector<Completion> delivering;
  std::deque<StatusRequest> status_requests;

  int handles = 3;  // ours and those of connections, until closed
  bool closing = false;
  bool finished = false;
  bool orphaned = false;  // the Client is gone; delete when closed
  std::function<void()> closed;
};

namespace {

// Without hedging nobody else is called until a call has failed.
CallPolicy CallPolicyOf(const ClientOptions& options) {
  CallPolicy policy{.timeout_ms = options.retry_timeout_ms};
  policy.stagger_ms =
      options.hedge_ms > 0 ? options.hedge_ms : options.retry_timeout_ms;
  return policy;
}

}  // namespace

Client::Impl::Impl(uv_loop_t* loop_in, ClientOptions options_in,
                   CompletionHandler handler_in)
    : loop(loop_in),
      options(std::move(options_in)),
      handler(std::move(handler_in)),
      sessions(DrawSeed(),
               RetryPolicy{.retry_timeout_ms = options.retry_timeout_ms,
                           .give_up_timeout_ms = options.give_up_timeout_ms,
                           .hedge_ms = options.hedge_ms}),
      calls(options.nodes.size(), options.first_node, std::random_device{}(),
            CallPolicyOf(options)),
      node(options.first_node) {
  QUORATE_CHECK(node < options.nodes.size(), "a client knows its first node");
  IgnoreBrokenPipes();
  uv_prepare_init(loop, &prepare);
  uv_timer_init(loop, &timer);
  uv_timer_init(loop, &call_timer);
  prepare.data = timer.data = call_timer.data = this;
  // Right before the loop sleeps: everything submitted in this turn is known.
  uv_prepare_start(&prepare, [](uv_prepare_t* handle) {
    static_cast<Impl*>(handle->data)->Flush();
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(&prepare));
  uv_update_time(loop);
  CallNodes();
}

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
      options.resolver);
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
  std::int64_t deadline_ms = wants_call() ? calls.NextDeadline() : kNever;
  for (const Link* call : under_way) {
    deadline_ms =
        std::min(deadline_ms, call->begun_ms + options.retry_timeout_ms);
  }
  if (deadline_ms == kNever) {
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
  if (now_ms() > std::exchange(call_armed_ms, kNever) + kLateMs) {
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

// ---- frames -----------------------------------------------------------------

void Client::Impl::HandleMessage(Link& from, ClientMessage& message) {
  from.served = true;
  if (&from != link) {
    auto* const replies = std::get_if<ClientReplies>(&message);
    if (replies == nullptr) return;  // Not asked for.
    sessions.NoteEra(replies->era);
    HandleHedgeReplies(*replies);
    return;
  }
  std::visit(
      Overloaded{
          [this](ClientReplies& replies) {
            sessions.NoteEra(replies.era);
            sessions.HandleReplies(replies.replies, now_ms(), completed);
            Deliver();
            if (closing) return;
            NoteDeadline(sessions.UrgentDeadline());
            if (link == nullptr) return;
            if (sessions.WantsOtherNode(now_ms())) {
              GoElsewhere();
            } else if (hedge != nullptr || wants_hedge) {
              DriveHedge();
            }
          },
          [this](StatusReply& reply) {
            if (status_requests.empty() || !status_requests.front().sent) {
              return;  // Not asked for.
            }
            const auto done = std::move(status_requests.front().done);
            status_requests.pop_front();
            if (done) done(std::move(reply.json));
          },
          [](auto&) {},  // Nothing else comes from a node.
      },
      message);
}

void Client::Impl::Deliver() {
  if (completed.empty()) return;
  // The handler may submit and thereby complete more.
  std::swap(completed, delivering);
  if (handler) handler(delivering);
  delivering.clear();
}

// Appends requests to the connection's buffer until it holds a good write.
bool Client::Impl::EncodeSome() {
  std::string& out = link->connection->buffer();
  for (StatusRequest& request : status_requests) {
    if (request.sent) continue;
    EncodeClientMessage(quorate::StatusRequest{}, out);
    request.sent = true;
  }
  while (out.size() < kWriteBytes) {
    CommandBatchPtr batch = sessions.NextBatch(now_ms());
    if (batch == nullptr) break;
    EncodeClientMessage(ClientRequest{.batch = std::move(batch)}, out);
    NoteDeadline(now_ms() + options.retry_timeout_ms);
    if (hedges()) NoteDeadline(sessions.HedgeDeadline());
  }
  return !out.empty();
}

void Client::Impl::Flush() {
  turn_has_submits = false;
  bool wrote = false;
  // While the socket is full, commands gather in Sessions, which is bounded.
  while (link != nullptr && !link->connection->writing() && EncodeSome()) {
    link->connection->Flush();
    wrote = true;
  }
  FlushHedge();
  if (wrote) uv_update_time(loop);
}

// ---- time -------------------------------------------------------------------

void Client::Impl::NoteDeadline(std::int64_t deadline_ms) {
  if (deadline_ms >= armed_ms) return;
  armed_ms = deadline_ms;
  uv_timer_start(
      &timer,
      [](uv_timer_t* handle) {
        static_cast<Impl*>(handle->data)->HandleTimer();
      },
      static_cast<std::uint64_t>(
          std::max<std::int64_t>(0, deadline_ms - now_ms())),
      0);
}

void Client::Impl::HandleTimer() {
  const bool late = now_ms() > std::exchange(armed_ms, kNever) + kLateMs;
  if (late && !std::exchange(was_late, true)) {
    NoteDeadline(now_ms() + 1);
    return;
  }
  was_late = false;
  sessions.HandleTime(now_ms(), completed);
  Deliver();
  if (closing) return;
  ExpireStatusRequests(now_ms());
  if (closing) return;
  if (link != nullptr && sessions.WantsOtherNode(now_ms())) {
    LoseNode(absl::DeadlineExceededError(absl::StrCat(
        name(), ": no answer within ", options.retry_timeout_ms, " ms")));
  } else {
    DriveHedge();
  }
  NoteDeadline(sessions.NextDeadline());
  // While a second node is called, that is the call timer's affair.
  if (hedges() && !wants_hedge) NoteDeadline(sessions.HedgeDeadline());
  for (const StatusRequest& request : status_requests) {
    if (request.done) NoteDeadline(request.deadline_ms);
  }
  // What ran here may have taken long, and libuv (1.44.2) computes how long it
  // may sleep from the time before its timers: others that are due meanwhile
  // would wait for as long once more.
  uv_update_time(loop);
}

void Client::Impl::ExpireStatusRequests(std::int64_t now) {
  std::vector<std::function<void(absl::StatusOr<std::string>)>> expired;
  for (StatusRequest& request : status_requests) {
    if (request.deadline_ms > now || !request.done) continue;
    expired.push_back(std::exchange(request.done, nullptr));
  }
  std::erase_if(status_requests, [](const StatusRequest& request) {
    return !request.sent && !request.done;
  });
  const absl::Status why =
      connection_status.ok()
          ? absl::DeadlineExceededError(absl::StrCat(
                ToString(options.nodes[node]), ": no status in time"))
          : connection_status;
  for (const auto& done : expired) done(why);
}

void Client::Impl::FailStatusRequests(const absl::Status& why,
                                      bool unsent_too) {
  std::vector<std::function<void(absl::StatusOr<std::string>)>> failed;
  std::erase_if(status_requests, [&](StatusRequest& request) {
    if (!request.sent && !unsent_too) return false;
    if (request.done) failed.push_back(std::move(request.done));
    return true;
  });
  for (const auto& done : failed) done(why);
}

// ---- the end ----------------------------------------------------------------

void Client::Impl::Close(std::function<void()> closed_in) {
  closed = std::move(closed_in);
  if (closing) return;
  closing = true;
  for (Link* call : std::exchange(under_way, {})) call->connection->Close();
  for (Link* used :
       {std::exchange(link, nullptr), std::exchange(hedge, nullptr)}) {
    if (used != nullptr) used->connection->Close();
  }
  connection_status = absl::CancelledError("the client was closed");
  // Not through Deliver: the handler may be the one who closes.
  std::vector<Completion> last = std::exchange(completed, {});
  sessions.GiveUpAll(last);
  if (!last.empty() && handler) handler(last);
  FailStatusRequests(connection_status, true);
  const auto close = [](auto* handle) {
    uv_close(reinterpret_cast<uv_handle_t*>(handle), [](uv_handle_t* ended) {
      Impl* self = static_cast<Impl*>(ended->data);
      --self->handles;
      self->FinishIfClosed();
    });
  };
  close(&prepare);
  close(&timer);
  close(&call_timer);
}

void Client::Impl::FinishIfClosed() {
  if (!closing || handles > 0) return;
  finished = true;
  const auto done = std::move(closed);
  if (orphaned) delete this;
  if (done) done();  // May destroy the client, and this with it.
}

// ---- the interface ----------------------------------------------------------

Client::Client(uv_loop_s* loop, ClientOptions options,
               CompletionHandler handler)
    : impl_(std::make_unique<Impl>(loop, std::move(options),
                                   std::move(handler))) {}

Client::~Client() {
  if (impl_->finished) return;
  Impl* impl = impl_.release();  // Deleted when the loop has let go of it.
  impl->orphaned = true;
  impl->handler = nullptr;
  if (impl->closing) return;
  for (Impl::StatusRequest& request : impl->status_requests) {
    request.done = nullptr;
  }
  impl->Close(nullptr);
}

std::size_t Client::OpenSession() { return impl_->sessions.Open(); }

ClientId Client::session_id(std::size_t session) const {
  return impl_->sessions.id(session);
}

std::uint64_t Client::Submit(std::size_t session,
                             std::span<const Operation> operations,
                             std::uint64_t tag) {
  Impl& impl = *impl_;
  QUORATE_CHECK(!impl.closing && !impl.options.observes,
                "a closed client takes no commands, nor one that observes");
  if (!impl.turn_has_submits) {
    // The loop's clock stands still while the program does other things.
    uv_update_time(impl.loop);
    impl.turn_has_submits = true;
  }
  const std::int64_t now_ms = impl.now_ms();
  const std::uint64_t sequence =
      impl.sessions.Submit(session, operations, tag, now_ms);
  impl.NoteDeadline(sequence == 0 ? now_ms
                                  : now_ms + impl.options.give_up_timeout_ms);
  return sequence;
}

void Client::RequestStatus(
    int timeout_ms, std::function<void(absl::StatusOr<std::string>)> done) {
  Impl& impl = *impl_;
  QUORATE_CHECK(!impl.closing, "a closed client asks nothing");
  uv_update_time(impl.loop);
  const std::int64_t deadline_ms = impl.now_ms() + timeout_ms;
  impl.status_requests.push_back(
      {.deadline_ms = deadline_ms, .done = std::move(done)});
  impl.NoteDeadline(deadline_ms);
}

const absl::Status& Client::connection_status() const {
  return impl_->connection_status;
}

std::size_t Client::current_node() const { return impl_->node; }

const ClientStats& Client::stats() const {
  impl_->stats = impl_->sessions.stats();
  impl_->stats.reconnects = impl_->reconnects;
  return impl_->stats;
}

void Client::Close(std::function<void()> closed) {
  impl_->Close(std::move(closed));
}

}  // namespace quorate
