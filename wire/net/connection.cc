#include "wire/net/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "wire/check.h"
#include "wire/limits.h"
#include "wire/text.h"

namespace quorate {
namespace {

// An output buffer that one burst has made larger than this is given back.
constexpr std::size_t kKeptBufferBytes = 1024 * 1024;

}  // namespace

absl::Status UvError(int error, const char* action) {
  return absl::UnavailableError(Concat(action, ": ", uv_strerror(error)));
}

Connection::Connection(uv_loop_t* loop, HandleCount& count, Owner* owner,
                       std::uint64_t tag)
    : count_(count),
      owner_(owner),
      tag_(tag),
      reader_(kMaxHandshakeFrameBytes) {
  const int error = uv_tcp_init(loop, &tcp_);
  QUORATE_CHECK(error == 0, "SH1: libuv initializes a handle of a live loop");
  tcp_.data = this;
  count_.Opened();
}

absl::Status Connection::Accept(uv_stream_t* listener,
                                std::uint64_t vanished_s) {
  if (const int error = uv_accept(listener, stream()); error != 0) {
    return UvError(error, "cannot accept");
  }
  GiveUpVanished(vanished_s);
  StartReading();
  return absl::OkStatus();
}

void Connection::Dial(const sockaddr& address) {
  connecting_.data = this;
  const int error = uv_tcp_connect(
      &connecting_, &tcp_, &address, [](uv_connect_t* request, int status) {
        Connection& self = *static_cast<Connection*>(request->data);
        if (self.owner_ == nullptr) return;
        if (status < 0) {
          self.Fail(UvError(status, "cannot connect"));
          return;
        }
        self.StartReading();
        if (self.owner_ != nullptr) self.owner_->OnConnected(self);
      });
  if (error != 0) Fail(UvError(error, "cannot connect"));
}

void Connection::StartReading() {
  connected_ = true;
  // Frames are gathered by the turn; the kernel should not wait as well.
  uv_tcp_nodelay(&tcp_, 1);
  KeepTrying();
  ResumeReading();
}

// With little on its way the kernel repeats a lost segment every 200 ms, where
// it would wait twice as long each time: after a partition both sides are heard
// again soon, not after as long as it lasted. Where it cannot, it does not
// matter.
void Connection::KeepTrying() {
  SetOption(IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1);
}

// A machine that lost its power or its network never says so. Idle connections
// are asked after a third of the time; the user time-out ends both what is not
// acknowledged and what does not answer, one question early, so that all is
// over in time. Not uv_tcp_keepalive, which knows no user time-out: while what
// was sent waits to be acknowledged, keepalive asks nothing.
void Connection::GiveUpVanished(std::uint64_t seconds) {
  const auto limit = static_cast<int>(std::max(seconds, kLeastVanishedS));
  const int interval = std::max(1, limit / 10);
  SetOption(SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(IPPROTO_TCP, TCP_KEEPIDLE, limit / 3);
  SetOption(IPPROTO_TCP, TCP_KEEPINTVL, interval);
  SetOption(IPPROTO_TCP, TCP_USER_TIMEOUT, (limit - interval) * 1000);
}

bool Connection::way_is_cut() const {
  uv_os_fd_t descriptor = -1;
  tcp_info info{};
  socklen_t size = sizeof(info);
  return uv_fileno(reinterpret_cast<const uv_handle_t*>(&tcp_), &descriptor) ==
             0 &&
         getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         info.tcpi_retransmits > 0;
}

void Connection::SetOption(int level, int option, int value) {
  uv_os_fd_t descriptor = -1;
  if (uv_fileno(reinterpret_cast<const uv_handle_t*>(&tcp_), &descriptor) ==
      0) {
    setsockopt(descriptor, level, option, &value, sizeof(value));
  }
}

void Connection::ResumeReading() {
  if (reading_ || owner_ == nullptr) return;
  reading_ = true;
  const int error = uv_read_start(
      stream(),
      [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        const std::span<char> space =
            OwnerOf<Connection>(handle).reader_.Space();
        *buffer =
            uv_buf_init(space.data(), static_cast<unsigned int>(space.size()));
      },
      [](uv_stream_t* stream, ssize_t bytes, const uv_buf_t*) {
        Connection& self = OwnerOf<Connection>(stream);
        if (bytes > 0) {
          self.Read(static_cast<std::size_t>(bytes));
        } else if (bytes == UV_EOF) {
          self.Fail(absl::UnavailableError("closed by the other side"));
        } else if (bytes < 0) {
          self.Fail(UvError(static_cast<int>(bytes), "cannot read"));
        }
      });
  if (error != 0) Fail(UvError(error, "cannot read"));
}

void Connection::PauseReading() {
  if (!reading_) return;
  reading_ = false;
  uv_read_stop(stream());
}

// Every callback may end the connection; then the rest is dropped.
void Connection::Read(std::size_t bytes) {
  reader_.Filled(bytes);
  if (owner_ != nullptr) owner_->OnBytes(*this, bytes);
  while (owner_ != nullptr) {
    absl::StatusOr<std::optional<Frame>> frame = reader_.Next();
    if (!frame.ok()) {
      Fail(frame.status());
      return;
    }
    if (!frame->has_value()) return;
    owner_->OnFrame(*this, **frame);
  }
}

void Connection::Flush() {
  if (!connected_ || owner_ == nullptr || write_under_way_ || output_.empty()) {
    return;
  }
  uv_buf_t buffer =
      uv_buf_init(output_.data(), static_cast<unsigned int>(output_.size()));
  int taken = uv_try_write(stream(), &buffer, 1);
  if (taken == UV_EAGAIN) taken = 0;
  if (taken < 0) {
    Fail(UvError(taken, "cannot write"));
    return;
  }
  if (static_cast<std::size_t>(taken) == output_.size()) {
    Trim(output_);
    return;
  }
  std::swap(sending_, output_);
  buffer = uv_buf_init(sending_.data() + taken,
                       static_cast<unsigned int>(sending_.size()) -
                           static_cast<unsigned int>(taken));
  writing_.data = this;
  write_under_way_ = true;
  const int error = uv_write(
      &writing_, stream(), &buffer, 1, [](uv_write_t* request, int status) {
        static_cast<Connection*>(request->data)->Written(status);
      });
  if (error != 0) {
    write_under_way_ = false;
    Fail(UvError(error, "cannot write"));
  }
}

void Connection::Written(int status) {
  write_under_way_ = false;
  Trim(sending_);
  if (owner_ == nullptr) return;
  if (status < 0) {
    Fail(UvError(status, "cannot write"));
    return;
  }
  Flush();
  if (owner_ != nullptr) owner_->OnWritten(*this);
}

void Connection::Trim(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptBufferBytes) buffer.shrink_to_fit();
}

void Connection::Fail(absl::Status why) {
  if (owner_ == nullptr) return;
  PauseReading();
  std::exchange(owner_, nullptr)->OnEnd(*this, why);
}

void Connection::Close() {
  owner_ = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), [](uv_handle_t* handle) {
    Connection* self = &OwnerOf<Connection>(handle);
    HandleCount& count = self->count_;
    delete self;
    count.Closed();
  });
}

}  // namespace quorate
