#include "replica/client/node_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"

namespace quorate {
namespace {

// So long an address has before the host's next one is called as well.
constexpr std::uint64_t kNextAddressMs = 150;

NodeConnection* Self(void* data) { return static_cast<NodeConnection*>(data); }

// As nodes do among each other (wire/net/connection.cc): a lost segment is
// repeated every 200 ms, not after a time that doubles. Where the kernel
// cannot, it does not matter.
void KeepTrying(const uv_tcp_t* tcp) {
  uv_os_fd_t descriptor = -1;
  const int on = 1;
  if (uv_fileno(reinterpret_cast<const uv_handle_t*>(tcp), &descriptor) == 0) {
    setsockopt(descriptor, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, &on,
               sizeof(on));
  }
}

}  // namespace

NodeConnection::NodeConnection(uv_loop_t* loop, Owner* owner,
                               const Endpoint& node, std::string cluster_id,
                               AgreedSettings settings, PeerRole role,
                               const Resolver& resolver)
    : loop_(loop),
      owner_(owner),
      node_(node),
      cluster_id_(std::move(cluster_id)),
      settings_(std::move(settings)),
      role_(role),
      reader_(kMaxPeerFrameBytes) {
  handles_.emplace(this, resolver);
}

NodeConnection::Handles::Handles(NodeConnection* owner,
                                 const Resolver& resolver)
    : lookup(owner->loop_, owner->count_, resolver,
             [owner](absl::StatusOr<Addresses> found) {
               owner->HandleAddresses(std::move(found));
             }),
      again(owner->loop_, owner->count_, uv_timer_init, owner) {}

absl::Status NodeConnection::Error(const char* what, int uv_code) const {
  return absl::UnavailableError(
      absl::StrCat(ToString(node_), ": ", what, ": ", uv_strerror(uv_code)));
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
  const auto initialize = [](uv_loop_t* loop, Call* call) {
    return uv_tcp_init(loop, call);
  };
  Call* call =
      handles_->calls.emplace_back(loop_, count_, initialize, this).get();
  call->connect.data = call;
  const int code = uv_tcp_connect(
      &call->connect, call, reinterpret_cast<const sockaddr*>(&address),
      [](uv_connect_t* request, int status) {
        if (status == UV_ECANCELED) return;  // Its handle is being closed.
        Call* answered = static_cast<Call*>(request->data);
        Self(answered->data)->HandleConnected(answered, status);
      });
  if (code == 0) return absl::OkStatus();
  handles_->calls.pop_back();
  return Error("cannot connect", code);
}

void NodeConnection::HandleConnected(Call* call, int status) {
  OpenCalls& calls = handles_->calls;
  if (status == 0) {
    calls.remove_if([&](const auto& each) { return each.get() != call; });
    HandleUp();
    return;
  }
  calls.remove_if([&](const auto& each) { return each.get() == call; });
  absl::Status why = Error("cannot connect", status);
  if (tried_ < addresses_.size()) why = CallSomebody();
  if (!why.ok() && calls.empty()) Lose(why);
}

void NodeConnection::HandleUp() {
  connected_ = true;
  uv_timer_stop(handles_->again.get());
  Call* call = handles_->calls.front().get();
  uv_tcp_nodelay(call, 1);
  KeepTrying(call);
  const int code = uv_read_start(
      reinterpret_cast<uv_stream_t*>(call),
      [](uv_handle_t* handle, std::size_t, uv_buf_t* room) {
        const std::span<char> space = Self(handle->data)->reader_.Space();
        *room =
            uv_buf_init(space.data(), static_cast<unsigned int>(space.size()));
      },
      [](uv_stream_t* stream, ssize_t bytes, const uv_buf_t*) {
        Self(stream->data)->HandleRead(bytes);
      });
  if (code != 0) {
    Lose(Error("cannot read", code));
    return;
  }
  EncodeClientMessage(Hello{.role = role_, .cluster_id = cluster_id_}, buffer_);
  Flush();
}

void NodeConnection::HandleRead(ssize_t bytes) {
  if (!handles_) return;
  if (bytes < 0) {
    Lose(bytes == UV_EOF
             ? absl::UnavailableError(absl::StrCat(
                   ToString(node_), ": the node closed the connection"))
             : Error("connection lost", static_cast<int>(bytes)));
    return;
  }
  reader_.Filled(static_cast<std::size_t>(bytes));
  while (handles_) {
    const absl::StatusOr<std::optional<Frame>> frame = reader_.Next();
    if (!frame.ok()) {
      Lose(absl::InternalError(absl::StrCat(
          ToString(node_), " is no node of ours: ", frame.status().message())));
      return;
    }
    if (!frame->has_value()) return;
    HandleFrame(**frame);
  }
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
  if (writing_ || !handles_ || buffer_.empty()) return;
  Call* call = handles_->calls.front().get();
  uv_stream_t* stream = reinterpret_cast<uv_stream_t*>(call);
  call->write.data = this;
  uv_buf_t bytes =
      uv_buf_init(buffer_.data(), static_cast<unsigned int>(buffer_.size()));
  // An error here shows again, with its callback, in the write or read below.
  const int written = std::max(0, uv_try_write(stream, &bytes, 1));
  if (static_cast<std::size_t>(written) == buffer_.size()) {
    buffer_.clear();
    return;
  }
  bytes = uv_buf_init(buffer_.data() + written,
                      static_cast<unsigned int>(buffer_.size()) -
                          static_cast<unsigned int>(written));
  writing_ = true;
  const int code = uv_write(&call->write, stream, &bytes, 1,
                            [](uv_write_t* request, int status) {
                              Self(request->data)->HandleWriteEnd(status);
                            });
  if (code != 0) Lose(Error("connection lost", code));
}

void NodeConnection::HandleWriteEnd(int status) {
  writing_ = false;
  buffer_.clear();
  if (!handles_) return;
  if (status != 0) {
    Lose(Error("connection lost", status));
    return;
  }
  if (ready_) owner_->HandleWritten();
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
