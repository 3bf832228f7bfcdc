#include "replica/client/node_connection.h"

#include <sys/socket.h>

#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"
#include "wire/text.h"
#include "wire/timers.h"

namespace quorate {
namespace {

// So long an address has before the host's next one is called as well.
constexpr std::uint64_t kNextAddressMs = MillisecondsOf<"client.next_address">;

}  // namespace

NodeConnection::NodeConnection(uv_loop_t* loop, Owner* owner,
                               const Endpoint& node, std::string cluster_id,
                               AgreedSettings settings, PeerRole role,
                               const Resolver& resolver, EmulatedWays ways)
    : loop_(loop),
      owner_(owner),
      node_(node),
      cluster_id_(std::move(cluster_id)),
      settings_(std::move(settings)),
      role_(role),
      ways_(std::move(ways)) {
  handles_.emplace(this, resolver);
}

NodeConnection::Handles::Handles(NodeConnection* owner,
                                 const Resolver& resolver)
    : lookup(owner->loop_, owner->count_, resolver,
             [owner](absl::StatusOr<Addresses> found) {
               owner->HandleAddresses(std::move(found));
             }),
      again(owner->loop_, owner->count_, uv_timer_init, owner) {}

absl::Status NodeConnection::Named(const absl::Status& why) const {
  // What ends a connection otherwise is a stranger's frame.
  const std::string_view middle =
      absl::IsUnavailable(why) ? ": " : " is no node of ours: ";
  const std::string text = Concat(ToString(node_), middle, why.message());
  return absl::IsUnavailable(why) ? absl::UnavailableError(text)
                                  : absl::InternalError(text);
}

absl::Status NodeConnection::Start() {
  uv_timer_start(
      handles_->again.get(),
      [](uv_timer_t* timer) {
        // Who fails at once is not worth a word: others are under way.
        NodeConnection& self = OwnerOf<NodeConnection>(timer);
        if (self.tried_ < self.addresses_.size()) self.MakeCall().IgnoreError();
      },
      kNextAddressMs, kNextAddressMs);
  if (const auto number = NumericAddress(node_)) {
    addresses_ = {*number};
    return CallSomebody();
  }
  handles_->lookup.Start(node_);
  return absl::OkStatus();
}

void NodeConnection::HandleAddresses(absl::StatusOr<Addresses> found) {
  if (!found.ok()) {
    Lose(absl::UnavailableError(absl::StrCat(
        ToString(node_),
        ": cannot resolve the host name: ", found.status().message())));
    return;
  }
  addresses_ = *std::move(found);
  if (const absl::Status called = CallSomebody(); !called.ok()) Lose(called);
}

absl::Status NodeConnection::CallSomebody() {
  absl::Status status = MakeCall();
  while (!status.ok() && tried_ < addresses_.size()) status = MakeCall();
  return status;
}

absl::Status NodeConnection::MakeCall() {
  const sockaddr_storage& address = addresses_[tried_++];
  Connection& call = *handles_->calls.emplace_back(
      new Connection(loop_, count_, this, /*tag=*/0));
  call.AllowFrames(kMaxPeerFrameBytes);
  if (const absl::Status emulated = call.Emulate(ways_); !emulated.ok()) {
    handles_->calls.pop_back();
    return Named(emulated);
  }
  dialing_ = &call;
  failed_ = absl::OkStatus();
  call.Dial(reinterpret_cast<const sockaddr&>(address));
  dialing_ = nullptr;
  if (!failed_.ok()) handles_->calls.pop_back();
  return failed_;
}

void NodeConnection::OnConnected(Connection& call) {
  handles_->calls.remove_if(
      [&](const ConnectionPtr& each) { return each.get() != &call; });
  connected_ = true;
  uv_timer_stop(handles_->again.get());
  EncodeClientMessage(Hello{.role = role_, .cluster_id = cluster_id_},
                      call.output());
  call.Flush();
}

void NodeConnection::OnEnd(Connection& call, const absl::Status& why) {
  if (&call == dialing_) {
    failed_ = Named(why);
    return;
  }
  if (connected_) {
    Lose(Named(why));
    return;
  }
  handles_->calls.remove_if(
      [&](const ConnectionPtr& each) { return each.get() == &call; });
  absl::Status last = Named(why);
  if (tried_ < addresses_.size()) last = CallSomebody();
  if (!last.ok() && handles_->calls.empty()) Lose(last);
}

void NodeConnection::OnWritten(Connection&) {
  if (ready_) owner_->HandleWritten();
}

void NodeConnection::HandleFrame(const Frame& frame) {
  absl::StatusOr<ClientMessage> message =
      DecodeClientMessage(frame.type, frame.body);
  // A newer node's message that we do not know.
  if (absl::IsUnimplemented(message.status())) return;
  if (!message.ok()) {
    Lose(absl::InternalError(absl::StrCat(
        ToString(node_), " sent garbage: ", message.status().message())));
    return;
  }
  if (ready_) {
    owner_->HandleMessage(*std::move(message));
    return;
  }
  if (const absl::Status hello = CheckHello(*message); !hello.ok()) {
    Lose(hello);
    return;
  }
  ready_ = true;
  owner_->HandleReady(std::get<Hello>(*message));
}

absl::Status NodeConnection::CheckHello(const ClientMessage& message) const {
  if (const Reject* reject = std::get_if<Reject>(&message)) {
    return absl::FailedPreconditionError(absl::StrCat(
        ToString(node_), " refused the connection: ", reject->reason));
  }
  const Hello* hello = std::get_if<Hello>(&message);
  if (hello == nullptr || hello->role != PeerRole::kReplica) {
    return absl::InternalError(
        absl::StrCat(ToString(node_), " did not open with a node's handshake"));
  }
  if (hello->major != kProtocolMajor) {
    return absl::FailedPreconditionError(absl::StrCat(
        ToString(node_), " speaks protocol ", hello->major, ", this program ",
        kProtocolMajor, "; use the node's version of quorate"));
  }
  if (!cluster_id_.empty() && hello->cluster_id != cluster_id_) {
    return absl::FailedPreconditionError(absl::StrCat(
        ToString(node_), " belongs to cluster \"", hello->cluster_id,
        "\", expected \"", cluster_id_, "\"; check the configuration"));
  }
  return CheckSettings(*hello);
}

// Members are told by their place in the list, and what is reported of a run
// is what the file says. What only one side knows of is of another release.
absl::Status NodeConnection::CheckSettings(const Hello& hello) const {
  if (settings_.empty()) return absl::OkStatus();
  const auto difference = FindDifference(settings_, hello.settings);
  if (!difference || difference->of_release() || !difference->here ||
      !difference->there) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("node ", hello.name, " at ", ToString(node_), " has ",
                   Assignment(difference->name, difference->there),
                   ", the configuration in use here ",
                   Assignment(difference->name, difference->here),
                   "; use the cluster.toml of that node"));
}

void NodeConnection::Flush() {
  if (handles_) handles_->calls.front()->Flush();
}

void NodeConnection::Lose(const absl::Status& reason) {
  if (!handles_) return;
  Close();
  owner_->HandleLost(reason);
}

void NodeConnection::Close() {
  if (!handles_) return;
  handles_.reset();
  count_.WhenNone([this] {
    Owner* owner = owner_;
    delete this;
    owner->HandleGone();
  });
}

}  // namespace quorate
