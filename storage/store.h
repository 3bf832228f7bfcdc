// Answers: where do a node's durable facts live?
//
// A store keeps the journal: groups of encoded records, appended in order. One
// Append is one group commit: when it returns OK the group survives SIGKILL
// and power loss; when it returns an error the node must stop, because what
// reached the disk is not known (reliability.md ENV3). A checkpoint, written in
// chunks beside the groups, takes the place of all groups up to a sequence once
// it is whole. A store is used by one thread at a time and knows nothing about
// the meaning of records: bytes in, bytes out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "wire/agreed_settings.h"
#include "wire/ids.h"

namespace quorate {

// Facts about the directory, fixed when it was created; the settings, with the
// first group.
struct StoreIdentity {
  std::string cluster_id;
  // Index of the node in the cluster, and its name; the latter is empty where
  // a release before schema 3 has written the directory.
  ReplicaId node{};
  std::string node_name;
  // Drawn at random when the directory was created: tells a disk that came
  // back from a disk that was replaced.
  std::uint64_t incarnation = 0;
  // What everything in the journal was written under.
  AgreedSettings settings;
  // Where others expected the settings before schema 3: some of them, with the
  // cluster's id, in one text. To know such a directory by; never kept.
  std::string former_cluster_id;
};

struct StoreStats {
  // Of the groups that no checkpoint stands for. The bytes count from the last
  // Replay on.
  std::uint64_t journal_groups = 0;
  std::uint64_t journal_bytes = 0;
  // The newest record that the last whole checkpoint stands for (0: there is
  // none), its bytes, and those of one that is being written.
  RecordSequence checkpoint_last = 0;
  std::uint64_t checkpoint_bytes = 0;
  std::uint64_t checkpoint_chunks = 0;
  std::uint64_t unfinished_bytes = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  virtual const StoreIdentity& identity() const = 0;
  // Which start of this directory this is, from 1 on; durable when the store is
  // open. Two processes with one life have two copies of one directory.
  virtual std::uint64_t life() const { return 1; }

  struct Reader {
    // The chunks of the last whole checkpoint, if there is one.
    std::function<absl::Status(std::string_view chunk)> chunk;
    // The groups that it does not stand for, or not wholly. `first` is the
    // sequence of the first record in the group.
    std::function<absl::Status(std::string_view group, RecordSequence first)>
        group;
  };
  // Chunks first, then groups, each in order; stops at the first error that
  // `reader` returns. DataLoss when a checksum is wrong: names file and row.
  virtual absl::Status Replay(const Reader& reader) = 0;

  // Makes one group durable. `last` is the sequence of the newest record in it
  // and grows from group to group. After an error every later call gives the
  // same error: nothing is ever tried again.
  virtual absl::Status Append(std::string_view group, RecordSequence last) = 0;

  // A checkpoint: what was written of one before and never finished is given
  // up. Groups may be appended in between. Errors mean the same as Append's.
  virtual absl::Status BeginCheckpoint() = 0;
  virtual absl::Status AppendCheckpoint(std::string_view chunk) = 0;
  // The chunks since BeginCheckpoint stand for every record up to `last`, all
  // of which have been appended: durable when it returns OK. Groups that have
  // become superfluous go later, in Maintain.
  virtual absl::Status FinishCheckpoint(RecordSequence last) = 0;

  // Chunk `index` of the last whole checkpoint. NotFound when it has no such
  // chunk, DataLoss when that is damaged.
  virtual absl::StatusOr<std::string> ReadChunk(std::uint64_t index) = 0;

  // Upkeep that nobody waits for, a little in each call. Worth one after each
  // Append, once the news of it has been passed on: what must be done and is
  // not done here is done inside a later Append. An error means the same as one
  // of Append.
  virtual absl::Status Maintain() { return absl::OkStatus(); }
  // Is there more of it?
  virtual bool needs_upkeep() const { return false; }

  // The clean end: marks the directory as properly closed. Only the destructor
  // may follow. Without it the next start treats the stop as a crash, which
  // costs time and nothing else.
  virtual absl::Status Close() { return absl::OkStatus(); }

  virtual StoreStats stats() const = 0;
  // Of the files on disk; 0 in memory. Asks the file system, which makes the
  // next sync dearer: not for every group.
  virtual std::uint64_t FileBytes() const { return 0; }
};

}  // namespace quorate
