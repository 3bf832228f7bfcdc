// Answers: does a node's store keep its word through many lives on one disk?
//
// Runs the real SqliteStore through a list of steps and keeps the books: which
// groups were acknowledged, and which single one may be there or not, because
// its Append failed. Every opening is a comparison with them: all acknowledged
// groups in order and unchanged, at most the doubtful one behind them, and what
// was replayed once counts as acknowledged from then on (reliability.md ENV3).
// An error is excused only by trouble of the disk; after it the store is asked
// for everything again and has to give the same error. Contents follow from
// life and number, so that a group of an earlier life that comes back is
// noticed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/sqlite_store.h"
#include "tests/power/disk.h"

namespace quorate::power {

enum class StepKind : std::uint8_t {
  kOpen,  // and replay
  kAppend,
  kMaintain,
  kCheckpoint,  // two chunks that stand for every group so far
  kClose,       // the clean end of a life
  kKill,        // the end of a life without Close
};

struct Step {
  StepKind kind = StepKind::kAppend;
  std::size_t bytes = 0;  // of kAppend
};

// Settings that must lose or damage something: the test's own test.
enum class Spoiler : std::uint8_t {
  kNone,
  kSynchronousNormal,
  kSynchronousOff
};

// A group is known by these; see Contents.
struct Group {
  std::uint32_t life = 0;
  std::uint32_t number = 0;
  std::size_t bytes = 0;
};
std::string Contents(const Group& group);

// What has to be on the disk, and what may be. Goes with a copy of the disk.
struct Books {
  std::vector<Group> acknowledged;
  std::optional<Group> doubtful;
  // How many of them the last finished checkpoint stands for.
  std::size_t checkpointed = 0;
  std::uint32_t lives = 0;
};

enum class Outcome : std::uint8_t {
  kDone,     // every step was made
  kStopped,  // the disk was in trouble and the node stopped, as it should
  kBroken,   // a promise was broken; fault() says which
};

class Lives {
 public:
  // Uses `disk` and `books` until it goes; `directory` as MountDisk does.
  Lives(const std::string& directory, Disk& disk, Books& books,
        Spoiler spoiler = Spoiler::kNone);
  ~Lives();
  Lives(const Lives&) = delete;
  Lives& operator=(const Lives&) = delete;

  Outcome Run(const std::vector<Step>& steps);
  const std::string& fault() const { return fault_; }
  // The fault is that the store did not open, because it misses something.
  bool refused() const { return refused_; }

 private:
  Outcome Make(const Step& step);
  Outcome Open();
  Outcome Compare();
  Outcome Append(std::size_t bytes);
  Outcome Checkpoint();
  Outcome Close();
  // The node stops at an error; a fault unless the disk explains it.
  Outcome Stop(const absl::Status& error);
  Outcome Broken(std::string fault);

  std::string directory_;
  Disk& disk_;
  Books& books_;
  Spoiler spoiler_;
  std::unique_ptr<SqliteStore> store_;
  std::string fault_;
  bool refused_ = false;
};

}  // namespace quorate::power
