#include "replica/node/client_port.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "replica/node/rules.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"
#include "wire/overloaded.h"
#include "wire/text.h"

namespace quorate {
namespace {

// Replies are packed until a frame has so many bytes. One more reply, with as
// large results as a command may have, still fits it.
constexpr std::size_t kFrameOfReplies = 128 * 1024;
static_assert(kFrameOfReplies + ResultLimits::kMost <
              kMaxPeerFrameBytes / 8 * 7);
// Of a reply beside its results, rounded up.
constexpr std::size_t kReplyBytes = 64;
// Results of this size are given out whatever waits already.
constexpr std::size_t kSmallReply = 4096;

}  // namespace

ClientPort::ClientPort(uv_loop_t* loop, HandleCount& count,
                       const ClusterConfig& config, std::size_t self,
                       const Handshake& handshake, CommitClock& clock,
                       RefusalCounts& refusals,
                       std::function<std::string()> status,
                       const ClientPortOptions& options, Resolver resolver,
                       Log log)
    : loop_(loop),
      count_(count),
      config_(config),
      self_(self),
      handshake_(handshake),
      clock_(clock),
      refusals_(refusals),
      status_(std::move(status)),
      options_(options),
      acceptor_(std::make_unique<Acceptor>(
          loop, count, config.nodes[self].ListenForClients(),
          std::move(resolver), std::move(log),
          [this](uv_stream_t* listener) { Accept(listener); })) {
  options_.most_connections = rules::Places(
      std::min<std::size_t>(options_.most_connections, kMostConnections));
  clients_.resize(options_.most_connections + kObserverPlaces + 1);
  for (std::uint32_t i = 1; i < clients_.size(); ++i) {
    (IsReserved(i) ? free_reserved_ : free_numbers_).push_back(i);
  }
}

ClientPort::~ClientPort() = default;

void ClientPort::Start(Acceptor::Opened opened) {
  acceptor_->Open(std::move(opened));
}

// ---- connections ----------------------------------------------------------

void ClientPort::Accept(uv_stream_t* listener) {
  if (!free_numbers_.empty()) {
    AcceptInto(free_numbers_, listener);
    return;
  }
  // Whether it only wants to know how the node is, its Hello will tell.
  if (free_reserved_.empty()) FreeReservedPlace();
  AcceptInto(free_reserved_, listener);
}

void ClientPort::AcceptInto(std::deque<std::uint32_t>& places,
                            uv_stream_t* listener) {
  auto client = std::make_unique<Client>();
  client->number = places.front();
  client->since_us = clock_.now_us();
  client->connection.reset(new Connection(loop_, count_, this, client->number));
  if (!client->connection->Accept(listener, config_.vanished_s).ok()) return;
  places.pop_front();
  ++connection_count_;
  ++unidentified_;
  clients_[client->number] = std::move(client);
}

bool ClientPort::IsReserved(std::uint32_t number) const {
  return number > options_.most_connections &&
         number <= options_.most_connections + kObserverPlaces;
}

void ClientPort::FreeReservedPlace() {
  Client* oldest = nullptr;
  for (std::size_t i = 1; i <= kObserverPlaces; ++i) {
    Client* client = clients_[options_.most_connections + i].get();
    if (oldest == nullptr || client->since_us < oldest->since_us) {
      oldest = client;
    }
  }
  refusals_.Add(Refusal::kTooManyConnections);
  CloseClient(*oldest);
}

std::optional<HelloRefusal> ClientPort::CheckPlace(const Client& client) const {
  if (client.observes || !IsReserved(client.number)) return std::nullopt;
  return HelloRefusal{
      Refusal::kTooManyConnections,
      Concat("node ", config_.nodes[self_].name, " has ",
             options_.most_connections,
             " client connections, its limit; share connections, use another "
             "node, or start it with more descriptors (ulimit -n)")};
}

void ClientPort::CloseClient(Client& client) {
  const std::uint32_t number = client.number;
  if (!client.identified) --unidentified_;
  --connection_count_;
  output_bytes_ -= client.output_bytes;
  (IsReserved(number) ? free_reserved_ : free_numbers_).push_back(number);
  clients_[number].reset();  // `client` is gone.
}

void ClientPort::OnEnd(Connection& connection, const absl::Status& why) {
  if (absl::IsInvalidArgument(why)) refusals_.Add(Refusal::kBadFrame);
  CloseClient(*clients_[connection.tag()]);
}

void ClientPort::Identify(Client& client, const Frame& frame) {
  const absl::StatusOr<ClientMessage> message =
      DecodeClientMessage(frame.type, frame.body);
  const Hello* hello = message.ok() ? std::get_if<Hello>(&*message) : nullptr;
  if (hello == nullptr) {
    refusals_.Add(message.ok() ? Refusal::kUnexpectedFrame : Refusal::kBadBody);
    CloseClient(client);
    return;
  }
  client.observes = hello->role == PeerRole::kObserver;
  std::optional<HelloRefusal> refusal = handshake_.CheckClient(*hello);
  if (!refusal) refusal = CheckPlace(client);
  if (refusal) {
    refusals_.Add(refusal->reason);
    const std::uint32_t number = client.number;
    EncodeClientMessage(Reject{.reason = refusal->text,
                               .code = std::string(Name(refusal->reason))},
                        client.connection->output());
    client.connection->Flush();
    // The write may have ended the connection already.
    if (clients_[number] != nullptr) CloseClient(*clients_[number]);
    return;
  }
  client.identified = true;
  --unidentified_;
  client.connection->AllowFrames(kMaxClientFrameBytes);
  Hello hello_back = handshake_.OwnHello();
  hello_back.era = era_;
  EncodeClientMessage(hello_back, client.connection->output());
  Touch(client);
}

void ClientPort::Tick() {
  if (unidentified_ == 0) return;
  for (const auto& client : clients_) {
    if (client == nullptr || client->identified) continue;
    if (clock_.now_us() < client->since_us + options_.hello_timeout_ms * 1000)
      continue;
    refusals_.Add(Refusal::kSilentConnection);
    CloseClient(*client);
  }
}

// ---- requests -------------------------------------------------------------

// Frames that are here already are still handled: a buffer's worth.
void ClientPort::OnBytes(Connection& connection, std::size_t bytes) {
  if (connection.tag() == 0) return;
  turn_bytes_ += bytes;
  if (turn_bytes_ <= options_.turn_bytes && readers_.empty()) return;
  Client& client = *clients_[connection.tag()];
  if (std::exchange(client.put_off, true)) return;
  ++stats_.reads_put_off;
  readers_.push_back(client.number);
  SetReading(client);
}

void ClientPort::ReadThoseWhoWait() {
  turn_bytes_ = 0;
  const std::size_t count = std::min(readers_.size(), kMostReadersATurn);
  for (std::size_t i = 0; i < count; ++i) {
    Client* client = Find(readers_.front());
    readers_.pop_front();
    if (client == nullptr || !std::exchange(client->put_off, false)) continue;
    SetReading(*client);
  }
}

void ClientPort::SetReading(Client& client) {
  const bool reads = !client.put_off &&
                     client.status_requests <= kMostWaitingStatusRequests &&
                     client.connection->queued_bytes() <= options_.pause_bytes;
  if (reads == client.connection->reading()) return;
  if (reads) {
    client.connection->ResumeReading();
  } else {
    client.connection->PauseReading();
  }
}

void ClientPort::AnswerStatusRequests() {
  if (status_waiting_.empty() || clock_.now_us() < next_status_us_) return;
  next_status_us_ = clock_.now_us() + kStatusPauseUs;
  ++stats_.statuses_built;
  std::string answer;
  EncodeClientMessage(StatusReply{.json = status_()}, answer);
  std::size_t answers = 0;
  for (std::size_t asked = status_waiting_.size();
       asked > 0 && answers < kMostStatusAnswersATurn; --asked) {
    Client* client = Find(status_waiting_.front());
    status_waiting_.pop_front();
    if (client == nullptr || client->status_requests == 0) continue;
    if (client->connection->queued_bytes() <= options_.pause_bytes) {
      client->connection->output() += answer;
      --client->status_requests;
      ++answers;
      Touch(*client);
    }
    if (client->status_requests > 0) status_waiting_.push_back(client->number);
  }
  stats_.status_answers += answers;
  Flush();
}

void ClientPort::EndTurn() {
  AnswerStatusRequests();
  ReadThoseWhoWait();
}

ClientPort::Client* ClientPort::Find(std::uint32_t number) {
  return number < clients_.size() ? clients_[number].get() : nullptr;
}

void ClientPort::OnFrame(Connection& connection, const Frame& frame) {
  Client& client = *clients_[connection.tag()];
  if (!client.identified) {
    Identify(client, frame);
    return;
  }
  absl::StatusOr<ClientMessage> message =
      DecodeClientMessage(frame.type, frame.body);
  if (!message.ok()) {
    if (absl::IsUnimplemented(message.status())) {
      refusals_.Add(Refusal::kUnknownType);
      return;
    }
    refusals_.Add(Refusal::kBadBody);
    CloseClient(client);
    return;
  }
  auto* request = std::get_if<ClientRequest>(&*message);
  if (request != nullptr && client.observes) {
    refusals_.Add(Refusal::kUnexpectedFrame);
    CloseClient(client);
  } else if (request != nullptr) {
    HandleRequest(client, std::move(request->batch));
  } else if (std::holds_alternative<StatusRequest>(*message)) {
    ++stats_.status_requests;
    if (client.status_requests++ == 0) {
      status_waiting_.push_back(client.number);
    }
    SetReading(client);
  } else {
    refusals_.Add(Refusal::kUnexpectedFrame);
  }
}

void ClientPort::HandleRequest(Client& client, CommandBatchPtr batch) {
  stats_.commands_received += batch->commands().size();
  if (const RefusalReason reason = CheckRoom(client, *batch);
      reason != RefusalReason::kNone) {
    for (const Command& command : batch->commands()) {
      Refuse(client, command, reason);
    }
    return;
  }
  const bool all_fit =
      std::ranges::all_of(batch->commands(), [&](const Command& command) {
        return CheckLimits(*batch, command) == RefusalReason::kNone;
      });
  if (!all_fit) batch = TakeOutOverLimit(client, std::move(batch));
  if (batch->commands().empty()) return;
  SetOrigin(batch, clock_.OriginOf(client.number));
  client.unanswered += batch->commands().size();
  commands_.push_back(std::move(batch));
}

RefusalReason ClientPort::CheckRoom(Client& client, const CommandBatch& batch) {
  if (draining_) return RefusalReason::kShuttingDown;
  const std::size_t unanswered = client.unanswered + batch.commands().size();
  if (unanswered > options_.most_unanswered) return RefusalReason::kBusy;
  if (client.shared) return RefusalReason::kNone;
  // A session of its own connection is held to its own limit; where sessions
  // share one, the connection's limit bounds them all.
  for (const Command& command : batch.commands()) {
    if (client.session == ClientId{}) client.session = command.id.client;
    client.shared |= command.id.client != client.session;
  }
  return !client.shared && unanswered > kMaxPipelinePerSession
             ? RefusalReason::kPipelineFull
             : RefusalReason::kNone;
}

CommandBatchPtr ClientPort::TakeOutOverLimit(Client& client,
                                             CommandBatchPtr batch) {
  CommandBatchBuilder rest;
  for (const Command& command : batch->commands()) {
    const RefusalReason reason = CheckLimits(*batch, command);
    if (reason == RefusalReason::kNone) {
      rest.AddCopy(*batch, command);
    } else {
      Refuse(client, command, reason);
    }
  }
  return rest.Finish();
}

void ClientPort::Refuse(Client& client, const Command& command,
                        RefusalReason reason) {
  switch (reason) {
    case RefusalReason::kBusy: refusals_.Add(Refusal::kBusy); break;
    case RefusalReason::kPipelineFull:
      refusals_.Add(Refusal::kPipelineFull);
      break;
    case RefusalReason::kShuttingDown:
      refusals_.Add(Refusal::kShuttingDown);
      break;
    default: refusals_.Add(Refusal::kOverLimit); break;
  }
  Answer(client,
         {.id = command.id, .status = ReplyStatus::kRefused, .reason = reason});
}

// ---- replies --------------------------------------------------------------

void ClientPort::Route(ClientReply&& reply) {
  Client* client = Find(CommitClock::ConnectionOf(reply.origin));
  if (client == nullptr) return;
  // The unit that a receipt's time is rounded to counts for the connection.
  const std::uint64_t age = clock_.AgeOf(reply.origin);
  if (client->since_us + age >
      clock_.now_us() + CommitClock::kMicrosecondsAUnit)
    return;
  if (client->unanswered > 0) --client->unanswered;
  if (reply.reason == RefusalReason::kBusy) refusals_.Add(Refusal::kBusy);
  reply.commit_latency_us = clock_.CommitLatencyUs(reply);
  Answer(*client, std::move(reply));
}

void ClientPort::Answer(Client& client, ClientReply&& reply) {
  Touch(client);
  const std::size_t bytes = kReplyBytes + BytesOf(reply.results);
  if (HasRoomFor(client, bytes)) {
    client.reply_bytes += bytes;
  } else {
    // It reads more slowly than it asks.
    reply.status = ReplyStatus::kUnknown;
    reply.results.clear();
    client.reply_bytes += kReplyBytes;
  }
  std::get<ClientReplies>(client.replies).replies.push_back(std::move(reply));
  if (client.reply_bytes >= kFrameOfReplies) EncodeReplies(client);
}

bool ClientPort::HasRoomFor(const Client& client, std::size_t bytes) const {
  return bytes <= kSmallReply ||
         (client.connection->queued_bytes() <= options_.hold_bytes &&
          output_bytes_ <= options_.most_output_bytes);
}

void ClientPort::NoteOutput(Client& client) {
  output_bytes_ -= client.output_bytes;
  client.output_bytes = client.connection->queued_bytes();
  output_bytes_ += client.output_bytes;
}

void ClientPort::EncodeReplies(Client& client) {
  auto& replies = std::get<ClientReplies>(client.replies);
  if (replies.replies.empty()) return;
  replies.era = era_;
  // What one turn gives may be more than memory holds.
  client.overflowed |= client.connection->queued_bytes() > options_.close_bytes;
  if (!client.overflowed) {
    EncodeClientMessage(client.replies, client.connection->output());
  }
  replies.replies.clear();
  client.reply_bytes = 0;
  NoteOutput(client);
}

void ClientPort::Touch(Client& client) {
  if (std::exchange(client.touched, true)) return;
  touched_.push_back(client.number);
}

void ClientPort::Flush() {
  // A write that fails ends its client.
  for (std::size_t i = 0; i < touched_.size(); ++i) {
    const std::uint32_t number = touched_[i];
    if (clients_[number] == nullptr) continue;
    Client& client = *clients_[number];
    client.touched = false;
    EncodeReplies(client);
    client.connection->Flush();
    if (clients_[number] != nullptr) CheckOutput(client);
  }
  touched_.clear();
}

void ClientPort::CheckOutput(Client& client) {
  NoteOutput(client);
  if (client.output_bytes > options_.close_bytes || client.overflowed) {
    refusals_.Add(Refusal::kOutputFull);
    CloseClient(client);
    return;
  }
  SetReading(client);
}

void ClientPort::OnWritten(Connection& connection) {
  CheckOutput(*clients_[connection.tag()]);
}

// ---- the end --------------------------------------------------------------

std::vector<CommandBatchPtr> ClientPort::TakeCommands() {
  return std::exchange(commands_, {});
}

void ClientPort::Drain() {
  draining_ = true;
  acceptor_.reset();
}

bool ClientPort::drained() const {
  return std::ranges::all_of(clients_, [](const auto& client) {
    return client == nullptr ||
           (client->unanswered == 0 && client->connection->queued_bytes() == 0);
  });
}

void ClientPort::Close() {
  acceptor_.reset();
  for (const auto& client : clients_) {
    if (client != nullptr) CloseClient(*client);
  }
}

}  // namespace quorate
