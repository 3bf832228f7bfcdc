#include "replica/client/client.h"

#include <uv.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/client/node_connection.h"
#include "replica/client/session.h"
#include "wire/check.h"
#include "wire/codec/codec.h"
#include "wire/overloaded.h"

namespace quorate {
namespace {

constexpr std::int64_t kNever = Sessions::kNever;
// Waiting after all nodes have been tried in vain, doubled each time up to the
// brisk one: a cluster that starts again is there within a second, and nobody
// should notice that later than necessary. Whoever is gone for longer is not
// called that often.
constexpr std::int64_t kFirstReconnectMs = 10;
constexpr std::int64_t kBriskReconnectMs = 80;
constexpr std::uint64_t kBriskRounds = 20;
constexpr std::int64_t kLargestReconnectMs = 500;
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

// Which node to talk to, and when to write. The protocol of commands is in
// Sessions, that of one connection in NodeConnection.
struct Client::Impl final : NodeConnection::Owner {
  Impl(uv_loop_t* loop_in, ClientOptions options_in, CompletionHandler handler);

  void Connect();
  void LoseNode(const absl::Status& reason);
  // As the node itself wants it: to the leader that it names, if it is known.
  void GoElsewhere();
  void Flush();
  bool EncodeSome();
  void Deliver();
  void HandleTimer();
  void HandleConnectTimer();
  void NoteDeadline(std::int64_t deadline_ms);
  void ExpireStatusRequests(std::int64_t now_ms);
  // Ends the requests that were sent, or all of them.
  void FailStatusRequests(const absl::Status& why, bool unsent_too);
  void Close(std::function<void()> closed_in);
  void FinishIfClosed();

  void HandleReady(const Hello& hello) override;
  void HandleMessage(ClientMessage message) override;
  void HandleWritten() override { Flush(); }
  void HandleLost(const absl::Status& reason) override;
  void HandleGone() override;

  std::int64_t now_ms() const {
    return static_cast<std::int64_t>(uv_now(loop));
  }

  struct StatusRequest {
    std::int64_t deadline_ms = 0;
    bool sent = false;
    // Empty when it has timed out and only its reply is still to come.
    std::function<void(absl::StatusOr<std::string>)> done;
  };

  uv_loop_t* loop;
  ClientOptions options;
  CompletionHandler handler;
  std::minstd_rand jitter;
  Sessions sessions;

  NodeConnection* connection = nullptr;  // owned by the loop
  bool ready = false;
  bool served = false;  // the connection has answered something
  bool ever_ready = false;
  bool turn_has_submits = false;
  std::size_t node;
  std::uint64_t failures = 0;  // in a row
  absl::Status connection_status = absl::UnavailableError("not connected yet");
  std::uint64_t reconnects = 0;
  ClientStats stats;

  uv_prepare_t prepare;
  uv_timer_t timer;          // deadlines of commands and status requests
  uv_timer_t connect_timer;  // handshake too slow, or time to try again
  std::int64_t armed_ms = kNever;

  std::vector<Completion> completed;
  std::vector<Completion> delivering;
  std::deque<StatusRequest> status_requests;

  int handles = 3;  // ours and those of connections, until closed
  bool closing = false;
  bool finished = false;
  bool orphaned = false;  // the Client is gone; delete when closed
  std::function<void()> closed;
};

Client::Impl::Impl(uv_loop_t* loop_in, ClientOptions options_in,
                   CompletionHandler handler_in)
    : loop(loop_in),
      options(std::move(options_in)),
      handler(std::move(handler_in)),
      jitter(std::random_device{}()),
      sessions(DrawSeed(),
               RetryPolicy{.retry_timeout_ms = options.retry_timeout_ms,
                           .give_up_timeout_ms = options.give_up_timeout_ms}),
      node(options.first_node) {
  QUORATE_CHECK(node < options.nodes.size(), "a client knows its first node");
  IgnoreBrokenPipes();
  uv_prepare_init(loop, &prepare);
  uv_timer_init(loop, &timer);
  uv_timer_init(loop, &connect_timer);
  prepare.data = timer.data = connect_timer.data = this;
  // Right before the loop sleeps: everything submitted in this turn is known.
  uv_prepare_start(&prepare, [](uv_prepare_t* handle) {
    static_cast<Impl*>(handle->data)->Flush();
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(&prepare));
  uv_update_time(loop);
  Connect();
}

// ---- connections ------------------------------------------------------------

void Client::Impl::Connect() {
  ready = false;
  served = false;
  ++handles;
  connection =
      new NodeConnection(loop, this, options.nodes[node], options.cluster_id);
  if (const absl::Status started = connection->Start(); !started.ok()) {
    LoseNode(started);
    return;
  }
  // A stopped process still accepts connections, but never says hello.
  uv_timer_start(
      &connect_timer,
      [](uv_timer_t* handle) {
        static_cast<Impl*>(handle->data)->HandleConnectTimer();
      },
      static_cast<std::uint64_t>(options.retry_timeout_ms), 0);
}

void Client::Impl::HandleConnectTimer() {
  if (connection == nullptr) {
    Connect();
    return;
  }
  LoseNode(absl::DeadlineExceededError(
      absl::StrCat(ToString(options.nodes[node]), ": no handshake within ",
                   options.retry_timeout_ms, " ms")));
}

void Client::Impl::HandleReady(const Hello& hello) {
  uv_timer_stop(&connect_timer);
  ready = true;
  connection_status = absl::OkStatus();
  if (ever_ready) ++reconnects;
  ever_ready = true;
  sessions.NoteEra(hello.era);
  Flush();
}

void Client::Impl::HandleLost(const absl::Status& reason) { LoseNode(reason); }

// Goes on with the next node: at once, or after a pause when all nodes have
// been tried since one of them last answered anything.
void Client::Impl::LoseNode(const absl::Status& reason) {
  connection->Close();
  connection = nullptr;
  const std::optional<ReplicaId> leader = sessions.leader();
  if (ready) sessions.HandleDisconnect();
  ready = false;
  connection_status = reason;
  failures = served ? 1 : failures + 1;
  node = (node + 1) % options.nodes.size();
  if (leader &&
      static_cast<std::size_t>(Index(*leader)) < options.nodes.size()) {
    node = static_cast<std::size_t>(Index(*leader));
  }
  const std::uint64_t rounds = failures / options.nodes.size();
  const bool round_ended = failures % options.nodes.size() == 0;
  FailStatusRequests(reason, round_ended);
  if (closing) return;
  if (!round_ended) {
    Connect();
    return;
  }
  const std::int64_t pause_ms =
      rounds > kBriskRounds
          ? kLargestReconnectMs
          : std::min(
                kFirstReconnectMs << std::min<std::uint64_t>(rounds - 1, 10),
                kBriskReconnectMs);
  // Half of it at random, so that many clients do not come back as one.
  const std::uint64_t half_ms = static_cast<std::uint64_t>(pause_ms) / 2;
  uv_timer_start(
      &connect_timer,
      [](uv_timer_t* handle) {
        static_cast<Impl*>(handle->data)->HandleConnectTimer();
      },
      half_ms + jitter() % (half_ms + 1), 0);
}

void Client::Impl::GoElsewhere() {
  LoseNode(absl::UnavailableError(absl::StrCat(
      ToString(options.nodes[node]), sessions.leader()
                                         ? ": another node leads"
                                         : ": the node cannot serve now")));
}

void Client::Impl::HandleGone() {
  --handles;
  FinishIfClosed();
}

// ---- frames -----------------------------------------------------------------

void Client::Impl::HandleMessage(ClientMessage message) {
  served = true;
  std::visit(
      Overloaded{
          [this](ClientReplies& replies) {
            sessions.NoteEra(replies.era);
            sessions.HandleReplies(replies.replies, now_ms(), completed);
            Deliver();
            if (closing) return;
            NoteDeadline(sessions.UrgentDeadline());
            if (sessions.WantsOtherNode(now_ms())) GoElsewhere();
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
  std::string& out = connection->buffer();
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
  }
  return !out.empty();
}

void Client::Impl::Flush() {
  turn_has_submits = false;
  // While the socket is full, commands gather in Sessions, which is bounded.
  while (ready && !connection->writing() && EncodeSome()) {
    connection->Flush();
  }
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
  armed_ms = kNever;
  sessions.HandleTime(now_ms(), completed);
  Deliver();
  if (closing) return;
  ExpireStatusRequests(now_ms());
  if (closing) return;
  if (ready && sessions.WantsOtherNode(now_ms())) {
    LoseNode(absl::DeadlineExceededError(
        absl::StrCat(ToString(options.nodes[node]), ": no answer within ",
                     options.retry_timeout_ms, " ms")));
  }
  NoteDeadline(sessions.NextDeadline());
  for (const StatusRequest& request : status_requests) {
    if (request.done) NoteDeadline(request.deadline_ms);
  }
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
  if (connection != nullptr) connection->Close();
  connection = nullptr;
  ready = false;
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
  close(&connect_timer);
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
  QUORATE_CHECK(!impl.closing, "a closed client takes no commands");
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
