// Answers: how do frames go in and out of one TCP connection?
//
// Cuts what arrives into frames and writes what has gathered, in one write a
// turn. Frames to send are appended to output(); Flush hands them to the kernel
// and keeps what it does not take. While a write is under way the next output
// gathers in a second buffer: two strings are reused for ever. The first error,
// the peer's end included, is told once through OnEnd; the owner then lets go
// of its ConnectionPtr, which may happen inside any callback.
//
// On an emulated way (way.h) bytes take their time on this side of the socket:
// what is flushed leaves when it is due to arrive at the other end, and for a
// client, whose node knows nothing of its distance, what comes is handed on as
// late.
#pragma once

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "wire/frame.h"
#include "wire/net/handles.h"
#include "wire/net/wake_timer.h"
#include "wire/timers.h"
#include "wire/wan/delay_line.h"
#include "wire/wan/way.h"

namespace quorate {

// Keepalive counts in whole seconds, and asks twice before it gives up.
inline constexpr std::uint64_t kLeastVanishedS =
    SecondsOf<"connections.least_vanished">;

class Connection {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // Dialed connections only.
    virtual void OnConnected(Connection&) {}
    // So many bytes have come; the frames that they complete follow.
    virtual void OnBytes(Connection&, std::size_t) {}
    virtual void OnFrame(Connection& connection, const Frame& frame) = 0;
    // A write that had to wait is done; queued_bytes() is smaller now.
    virtual void OnWritten(Connection&) {}
    // At most once, and nothing after it.
    virtual void OnEnd(Connection& connection, const absl::Status& why) = 0;
  };

  // `tag` is the owner's own name for the connection.
  Connection(uv_loop_t* loop, HandleCount& count, Owner* owner,
             std::uint64_t tag);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // One of the two, once. `vanished_s`: a caller whose machine acknowledges
  // nothing for so long is given up, whether there is something to send or not;
  // at least kLeastVanishedS.
  absl::Status Accept(uv_stream_t* listener, std::uint64_t vanished_s);
  void Dial(const sockaddr& address);

  // Before anything is put out, once. Not OK: no descriptor is left for it.
  absl::Status Emulate(const EmulatedWays& ways);
  // Trouble has befallen a way, or has ended.
  void WayChanged();

  std::uint64_t tag() const { return tag_; }
  void set_tag(std::uint64_t tag) { tag_ = tag; }
  // Frames may be larger than a handshake's from now on.
  void AllowFrames(std::size_t max_body_bytes) {
    reader_.set_max_body_bytes(max_body_bytes);
  }

  // Append whole frames here; they leave with the next Flush.
  std::string& output() { return output_; }
  void Flush();
  // Bytes that wait for the kernel to take them, or are on an emulated way.
  std::size_t queued_bytes() const {
    const std::size_t delayed =
        emulated_ == nullptr
            ? 0
            : emulated_->leaving.size() +
                  (emulated_->out ? emulated_->out->bytes() : 0);
    return output_.size() + sending_.size() + delayed;
  }

  // Is the kernel yet to take what was flushed? What is put out meanwhile goes
  // with the next write.
  bool writing() const { return write_under_way_; }
  // What was sent is not acknowledged and has been repeated: the way is cut, or
  // the other machine is gone. A process that merely stands still does not show
  // here, its kernel answers.
  bool way_is_cut() const;

  void PauseReading();
  void ResumeReading();
  bool reading() const { return reading_; }
  // Has a dialed connection come up?
  bool connected() const { return connected_; }

  // Used by ConnectionPtr: closes, and deletes when libuv is done.
  void Close();

 private:
  struct Emulated {
    std::optional<DelayLine> out;
    std::optional<DelayLine> in;
    std::string leaving;   // has been on its way for long enough
    std::string arriving;  // of `in`, not handed on yet
    std::string space;     // where the kernel puts what comes
    absl::Status end;      // the other side's, once all before it has arrived
    std::unique_ptr<WakeTimer> timer;
  };

  ~Connection() = default;

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp_); }
  void StartReading();
  void KeepTrying();
  void GiveUpVanished(std::uint64_t seconds);
  void SetOption(int level, int option, int value);
  uv_buf_t SpaceToRead();
  void HandleRead(ssize_t bytes);
  void Read(std::size_t bytes);
  // What is next to be written: what was put out, or what has left by now.
  std::string& due() {
    return emulated_ != nullptr && emulated_->out ? emulated_->leaving
                                                  : output_;
  }
  void Write();
  void Depart();
  void PassOn();
  void HandOn();
  void Arm();
  void Written(int status);
  void Fail(absl::Status why);
  static void Trim(std::string& buffer);

  uv_tcp_t tcp_;
  uv_connect_t connecting_;
  uv_write_t writing_;
  HandleCount& count_;
  Owner* owner_;  // Null from the end on.
  std::uint64_t tag_;
  FrameReader reader_;
  bool connected_ = false;
  bool reading_ = false;
  bool write_under_way_ = false;
  std::string output_;
  std::string sending_;  // Empty unless a write is under way.
  std::unique_ptr<Emulated> emulated_;
};

struct CloseConnection {
  void operator()(Connection* connection) const { connection->Close(); }
};
using ConnectionPtr = std::unique_ptr<Connection, CloseConnection>;

// "connection reset by peer" as a status.
absl::Status UvError(int error, const char* action);

}  // namespace quorate
