#include "replica/client/node_connection.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"

namespace quorate {
namespace {

NodeConnection* Self(void* data) { return static_cast<NodeConnection*>(data); }

}  // namespace

NodeConnection::NodeConnection(uv_loop_t* loop, Owner* owner,
                               const Endpoint& node, std::string cluster_id,
                               PeerRole role)
    : loop_(loop),
      owner_(owner),
      node_(node),
      cluster_id_(std::move(cluster_id)),
      role_(role),
      reader_(kMaxPeerFrameBytes) {
  uv_tcp_init(loop_, &tcp_);
  tcp_.data = this;
  resolve_.data = this;
  connect_.data = this;
  write_.data = this;
}

absl::Status NodeConnection::Error(const char* what, int uv_code) const {
  return absl::UnavailableError(
      absl::StrCat(ToString(node_), ": ", what, ": ", uv_strerror(uv_code)));
}

absl::Status NodeConnection::Start() {
  sockaddr_storage address{};
  sockaddr* generic = reinterpret_cast<sockaddr*>(&address);
  if (uv_ip4_addr(node_.host.c_str(), node_.port,
                  reinterpret_cast<sockaddr_in*>(&address)) == 0 ||
      uv_ip6_addr(node_.host.c_str(), node_.port,
                  reinterpret_cast<sockaddr_in6*>(&address)) == 0) {
    return ConnectTo(generic);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  const int code = uv_getaddrinfo(
      loop_, &resolve_,
      [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
        Self(request->data)->HandleResolved(status, found);
      },
      node_.host.c_str(), std::to_string(node_.port).c_str(), &hints);
  if (code != 0) return Error("cannot resolve the host name", code);
  resolving_ = true;
  return absl::OkStatus();
}

void NodeConnection::HandleResolved(int status, addrinfo* found) {
  resolving_ = false;
  if (closing_) {
    uv_freeaddrinfo(found);
    DeleteWhenUnused();
    return;
  }
  if (status != 0) {
    Lose(Error("cannot resolve the host name", status));
    return;
  }
  const absl::Status started = ConnectTo(found->ai_addr);
  uv_freeaddrinfo(found);
  if (!started.ok()) Lose(started);
}

absl::Status NodeConnection::ConnectTo(const sockaddr* address) {
  const int code = uv_tcp_connect(
      &connect_, &tcp_, address, [](uv_connect_t* request, int status) {
        Self(request->data)->HandleConnected(status);
      });
  return code == 0 ? absl::OkStatus() : Error("cannot connect", code);
}

void NodeConnection::HandleConnected(int status) {
  if (closing_) return;
  if (status != 0) {
    Lose(Error("cannot connect", status));
    return;
  }
  uv_tcp_nodelay(&tcp_, 1);
  const int code = uv_read_start(
      reinterpret_cast<uv_stream_t*>(&tcp_),
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
  if (closing_) return;
  if (bytes < 0) {
    Lose(bytes == UV_EOF
             ? absl::UnavailableError(absl::StrCat(
                   ToString(node_), ": the node closed the connection"))
             : Error("connection lost", static_cast<int>(bytes)));
    return;
  }
  reader_.Filled(static_cast<std::size_t>(bytes));
  while (!closing_) {
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
  return absl::OkStatus();
}

void NodeConnection::Flush() {
  if (writing_ || closing_ || buffer_.empty()) return;
  uv_stream_t* stream = reinterpret_cast<uv_stream_t*>(&tcp_);
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
  const int code =
      uv_write(&write_, stream, &bytes, 1, [](uv_write_t* request, int status) {
        Self(request->data)->HandleWriteEnd(status);
      });
  if (code != 0) Lose(Error("connection lost", code));
}

void NodeConnection::HandleWriteEnd(int status) {
  writing_ = false;
  buffer_.clear();
  if (closing_) return;
  if (status != 0) {
    Lose(Error("connection lost", status));
    return;
  }
  if (ready_) owner_->HandleWritten();
}

void NodeConnection::Lose(const absl::Status& reason) {
  if (closing_) return;
  Close();
  owner_->HandleLost(reason);
}

void NodeConnection::Close() {
  if (closing_) return;
  closing_ = true;
  if (resolving_) uv_cancel(reinterpret_cast<uv_req_t*>(&resolve_));
  uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), [](uv_handle_t* handle) {
    NodeConnection* self = Self(handle->data);
    self->handle_closed_ = true;
    self->DeleteWhenUnused();
  });
}

void NodeConnection::DeleteWhenUnused() {
  if (!handle_closed_ || resolving_) return;
  Owner* owner = owner_;
  delete this;
  owner->HandleGone();
}

}  // namespace quorate
