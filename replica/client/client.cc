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
#include "replica/client/client_impl.h"
#include "replica/client/node_connection.h"
#include "replica/client/session.h"
#include "wire/check.h"
#include "wire/codec/codec.h"
#include "wire/overloaded.h"

namespace quorate {
namespace {

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
  const bool late =
      now_ms() > std::exchange(armed_ms, Sessions::kNever) + kLateMs;
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
