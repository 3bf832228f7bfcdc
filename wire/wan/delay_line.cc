#include "wire/wan/delay_line.h"

#include <algorithm>

namespace quorate {

std::uint64_t Lateness::QuantileNs(double share) const {
  const double wanted = share * static_cast<double>(pieces_);
  std::uint64_t seen = 0;
  for (std::size_t step = 0; step < kSteps; ++step) {
    seen += counts_[step];
    if (seen > 0 && static_cast<double>(seen) >= wanted) return step * kStepNs;
  }
  return most_ns_;
}

void DelayLine::Send(std::uint64_t now_ns, std::string bytes) {
  if (bytes.empty()) return;
  bytes_ += bytes.size();
  const std::uint64_t due = way_->Arrival(now_ns, bytes.size());
  pieces_.push_back({.due_ns = due, .bytes = std::move(bytes)});
}

void DelayLine::Take(std::uint64_t now_ns, std::string& arrived) {
  while (!pieces_.empty() && pieces_.front().due_ns <= now_ns) {
    Piece& piece = pieces_.front();
    lateness_->Note(now_ns - piece.due_ns);
    bytes_ -= piece.bytes.size();
    if (arrived.empty()) {
      arrived = std::move(piece.bytes);
    } else {
      arrived += piece.bytes;
    }
    pieces_.pop_front();
  }
}

std::optional<std::uint64_t> DelayLine::NextNs() const {
  if (pieces_.empty() || pieces_.front().due_ns == kNeverNs) {
    return std::nullopt;
  }
  return pieces_.front().due_ns;
}

void DelayLine::WayChanged(std::uint64_t now_ns) {
  for (Piece& piece : pieces_) {
    if (piece.due_ns != kNeverNs) continue;
    piece.due_ns = way_->Arrival(now_ns, piece.bytes.size());
  }
}

}  // namespace quorate
