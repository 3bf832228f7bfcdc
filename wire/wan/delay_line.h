// Answers: which of the bytes that were sent have arrived by now?
//
// The bytes on one emulated way, in order, each piece until it is due. What was
// sent while the way was cut stays, and leaves when it is whole again, as TCP
// repeats it. Says how late its owner took what was due: that is how accurate
// the emulation was. Pure: the caller brings the clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "wire/wan/way.h"

namespace quorate {

// How late pieces were taken, in counts of 10 us; what is later than 10 ms is
// in the last one.
class Lateness {
 public:
  static constexpr std::uint64_t kStepNs = 10'000;
  static constexpr std::size_t kSteps = 1000;

  void Note(std::uint64_t late_ns) {
    const std::uint64_t step = late_ns / kStepNs;
    ++counts_[step < kSteps ? static_cast<std::size_t>(step) : kSteps];
    ++pieces_;
    if (late_ns > most_ns_) most_ns_ = late_ns;
  }
  std::uint64_t pieces() const { return pieces_; }
  std::uint64_t most_ns() const { return most_ns_; }
  // What that share (0 to 1) of the pieces did not exceed, to 10 us; 0 without
  // pieces.
  std::uint64_t QuantileNs(double share) const;

 private:
  std::array<std::uint32_t, kSteps + 1> counts_{};
  std::uint64_t pieces_ = 0;
  std::uint64_t most_ns_ = 0;
};

// The two directions of a connection, where they are emulated on this side.
struct EmulatedWays {
  std::shared_ptr<Way> out;  // null: what is flushed leaves at once
  std::shared_ptr<Way> in;   // null: what comes has come
  std::shared_ptr<Lateness> lateness;

  bool any() const { return out != nullptr || in != nullptr; }
};

class DelayLine {
 public:
  // The way outlives connections; the lateness is of all ways of a process.
  DelayLine(std::shared_ptr<Way> way, std::shared_ptr<Lateness> lateness)
      : way_(std::move(way)), lateness_(std::move(lateness)) {}

  void Send(std::uint64_t now_ns, std::string bytes);
  // Appends what has arrived.
  void Take(std::uint64_t now_ns, std::string& arrived);
  // When something arrives next; nullopt while nothing is on its way, or for as
  // long as the way stays cut.
  std::optional<std::uint64_t> NextNs() const;
  // The way is another one from now on: what waits for it leaves now.
  void WayChanged(std::uint64_t now_ns);
  std::size_t bytes() const { return bytes_; }
  // Does what is sent now arrive now?
  bool direct() const { return pieces_.empty() && way_->direct(); }

 private:
  struct Piece {
    std::uint64_t due_ns = 0;
    std::string bytes;
  };
  std::shared_ptr<Way> way_;
  std::shared_ptr<Lateness> lateness_;
  std::deque<Piece> pieces_;  // by due_ns
  std::size_t bytes_ = 0;
};

}  // namespace quorate
