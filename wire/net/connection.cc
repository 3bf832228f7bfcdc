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
// Read at a time where what comes has a way to go yet.
constexpr std::size_t kEmulatedReadBytes = 64 * 1024;

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
        *buffer = OwnerOf<Connection>(handle).SpaceToRead();
      },
      [](uv_stream_t* stream, ssize_t bytes, const uv_buf_t*) {
        OwnerOf<Connection>(stream).HandleRead(bytes);
      });
  if (error != 0) {
    Fail(UvError(error, "cannot read"));
  } else if (emulated_ != nullptr) {
    Arm();  // What has arrived meanwhile is handed on.
  }
}

uv_buf_t Connection::SpaceToRead() {
  if (emulated_ != nullptr && emulated_->in) {
    emulated_->space.resize(kEmulatedReadBytes);
    return uv_buf_init(emulated_->space.data(), kEmulatedReadBytes);
  }
  const std::span<char> space = reader_.Space();
  return uv_buf_init(space.data(), static_cast<unsigned int>(space.size()));
}

void Connection::HandleRead(ssize_t bytes) {
  const bool delayed = emulated_ != nullptr && emulated_->in;
  if (bytes > 0 && delayed) {
    emulated_->in->Send(uv_hrtime(), emulated_->space.substr(
                                         0, static_cast<std::size_t>(bytes)));
    Arm();
  } else if (bytes > 0) {
    Read(static_cast<std::size_t>(bytes));
  } else if (bytes < 0) {
    absl::Status why = bytes == UV_EOF
                           ? absl::UnavailableError("closed by the other side")
                           : UvError(static_cast<int>(bytes), "cannot read");
    if (delayed && emulated_->in->bytes() > 0) {
      // What came before the end is on its way.
      emulated_->end = std::move(why);
      uv_read_stop(stream());
    } else {
      Fail(std::move(why));
    }
  }
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
  if (emulated_ == nullptr || !emulated_->out) {
    Write();
  } else if (connected_ && owner_ != nullptr && !output_.empty()) {
    Depart();
  }
}

void Connection::Write() {
  std::string& output = due();
  if (!connected_ || owner_ == nullptr || write_under_way_ || output.empty()) {
    return;
  }
  uv_buf_t buffer =
      uv_buf_init(output.data(), static_cast<unsigned int>(output.size()));
  int taken = uv_try_write(stream(), &buffer, 1);
  if (taken == UV_EAGAIN) taken = 0;
  if (taken < 0) {
    Fail(UvError(taken, "cannot write"));
    return;
  }
  if (static_cast<std::size_t>(taken) == output.size()) {
    Trim(output);
    return;
  }
  std::swap(sending_, output);
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
  Write();
  if (owner_ != nullptr) owner_->OnWritten(*this);
}

// ---- an emulated way ------------------------------------------------------

absl::Status Connection::Emulate(const EmulatedWays& ways) {
  if (!ways.any()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<WakeTimer>> timer =
      WakeTimer::Open(tcp_.loop, count_, [this] { PassOn(); });
  if (!timer.ok()) return timer.status();
  emulated_ = std::make_unique<Emulated>();
  if (ways.out != nullptr) emulated_->out.emplace(ways.out, ways.lateness);
  if (ways.in != nullptr) emulated_->in.emplace(ways.in, ways.lateness);
  emulated_->timer = *std::move(timer);
  return absl::OkStatus();
}

void Connection::WayChanged() {
  if (emulated_ == nullptr || owner_ == nullptr) return;
  const std::uint64_t now = uv_hrtime();
  if (emulated_->out) emulated_->out->WayChanged(now);
  if (emulated_->in) emulated_->in->WayChanged(now);
  Arm();
}

void Connection::Depart() {
  if (emulated_->out->direct()) {
    // Where nothing is under way, nothing is copied.
    if (emulated_->leaving.empty()) {
      std::swap(emulated_->leaving, output_);
    } else {
      emulated_->leaving += output_;
      Trim(output_);
    }
    Write();
    return;
  }
  emulated_->out->Send(uv_hrtime(), std::exchange(output_, {}));
  Arm();
}

// Wakes when the next piece is due.
void Connection::Arm() {
  std::uint64_t next = kNeverNs;
  if (emulated_->out) next = emulated_->out->NextNs().value_or(kNeverNs);
  if (emulated_->in && reading_) {
    next = std::min(next, emulated_->in->NextNs().value_or(kNeverNs));
  }
  if (next != kNeverNs) emulated_->timer->Arm(next);
}

// What is due leaves, and what has arrived is handed on.
void Connection::PassOn() {
  if (owner_ == nullptr) return;
  if (emulated_->out) {
    emulated_->out->Take(uv_hrtime(), emulated_->leaving);
    Write();
  }
  if (owner_ != nullptr && emulated_->in && reading_) HandOn();
  if (owner_ != nullptr) Arm();
}

void Connection::HandOn() {
  emulated_->in->Take(uv_hrtime(), emulated_->arriving);
  std::string_view rest = emulated_->arriving;
  while (!rest.empty() && owner_ != nullptr) {
    const std::span<char> space = reader_.Space();
    const std::size_t size = std::min(space.size(), rest.size());
    std::ranges::copy(rest.substr(0, size), space.begin());
    rest.remove_prefix(size);
    Read(size);
  }
  Trim(emulated_->arriving);
  if (owner_ != nullptr && !emulated_->end.ok() &&
      emulated_->in->bytes() == 0) {
    Fail(emulated_->end);
  }
}

// ---- the end --------------------------------------------------------------

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
