// Answers: may this message leave yet?
//
// Durable before visible, written once: a message waits here until the record
// it rests on is durable, and leaves in the order it was given. A protocol
// hands over every message with the newest record that its contents depend on
// (protocol.md 1.2); 0 lets it leave at once. Pure, copyable.
#pragma once

#include <deque>
#include <utility>

#include "wire/machine.h"

namespace quorate {

class Outbox {
 public:
  // Puts the message into `actions` if its record is durable, else keeps it.
  void Send(ReplicaSet to, Message message, RecordSequence rests_on,
            Actions& actions);
  // A repetition, or an answer that will be asked for again: dropped while its
  // record is not durable, so that a disk that stands still does not fill the
  // outbox with copies of what already waits in it.
  void SendAgain(ReplicaSet to, Message message, RecordSequence rests_on,
                 Actions& actions);
  // Everything up to `through` is durable; lets go what rested on it.
  void Durable(RecordSequence through, Actions& actions);

  // Records of an earlier life, read back from the disk.
  void Restored(RecordSequence through) { durable_ = through; }

  RecordSequence durable() const { return durable_; }
  // Who was sent something since the last call.
  ReplicaSet TakeSpokenTo() { return std::exchange(spoken_to_, ReplicaSet()); }
  const std::deque<OutgoingMessage>& waiting() const { return waiting_; }

 private:
  void Release(OutgoingMessage message, Actions& actions);

  RecordSequence durable_ = 0;
  ReplicaSet spoken_to_;
  std::deque<OutgoingMessage> waiting_;
};

}  // namespace quorate
