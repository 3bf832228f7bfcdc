// Answers: which commands do the clients of a benchmark send?
//
// A workload is a value: how keys are chosen, in which shares the operations
// come, how large values are. It is one of the presets a..f (the mixes of
// YCSB), a TOML file with the names of the fields below, or flags. A
// CommandSource turns it into one endless stream a client, a pure function of
// (workload, seed, client): what a client sends next does not depend on how
// fast it is answered.
//
// Conflicts, as EPaxos papers count them: `conflict` percent of the commands go
// to one hot key that all clients share, the others to keys that no other
// client uses. Without it keys are shared, and their skew decides.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "experiments/bench/random.h"
#include "experiments/bench/zipf.h"
#include "wire/command.h"

namespace quorate::bench {

enum class KeyChoice : std::uint8_t {
  kConflict,  // one hot key, else keys of the client's own
  kUniform,   // shared, all alike
  kZipf,      // shared, key i is asked for in proportion to 1 / (i+1)^theta
  kLatest,    // shared, like kZipf counted back from the newest key
};
// "conflict", "uniform", "zipf", "latest".
std::string_view Name(KeyChoice choice);

struct WorkloadSpec {
  std::string name = "conflict";
  KeyChoice distribution = KeyChoice::kConflict;
  double conflict = 0;  // percent of commands on the hot key; kConflict only
  double zipf = 0.99;   // theta; kZipf and kLatest only
  // Percent of commands; what is left are puts.
  double reads = 0;
  double adds = 0;
  double cas = 0;
  double appends = 0;
  double scans = 0;
  double inserts = 0;             // puts of keys never used before
  double read_modify_writes = 0;  // one command: get and put of one key
  std::uint64_t value_size = 16;  // bytes
  std::uint64_t keys = 100'000;
  std::uint64_t scan_rows = 100;  // a scan asks for 1..scan_rows rows
  // Put before every key: keys that no earlier run on this cluster has used.
  std::string key_prefix;
  bool preload = false;  // put every key once before the run

  double puts() const {
    return 100 - reads - adds - cas - appends - scans - inserts -
           read_modify_writes;
  }
};

// The presets "a".."f"; nullopt for any other name.
std::optional<WorkloadSpec> FindPreset(std::string_view name);
// `path` is for the messages. Unknown names are errors.
absl::StatusOr<WorkloadSpec> ParseWorkload(std::string_view text,
                                           std::string_view path);
// Shares that do not add up, keys out of range, ...: what is wrong and what
// would be right.
absl::Status Validate(const WorkloadSpec& spec);
// "50 % get, 50 % put; 100,000 keys, zipf 0.99; 100-byte values".
std::string Describe(const WorkloadSpec& spec);

// Which table of keys a command goes to. Counters and lists live apart from
// registers: an add to a text or an append to a number would only ever fail.
enum class KeyKind : char { kRegister = 'k', kCounter = 'n', kList = 'a' };

// Keys are eight bytes, the kind and seven hexadecimal digits, after the
// prefix if there is one.
inline constexpr std::size_t kKeyBytes = 8;
inline constexpr std::uint64_t kMostKeys = 1ull << 28;
void WriteKey(KeyKind kind, std::uint64_t number, char* to);

class CommandSource {
 public:
  // `pipeline`: commands one client may have outstanding; a client of a
  // conflict workload has at least twice as many keys of its own, so that it
  // never conflicts with itself. `unique_values`: no two writes of the run
  // carry the same value (values grow to 16 bytes if need be).
  CommandSource(const WorkloadSpec& spec, std::uint64_t seed,
                std::size_t clients, std::size_t pipeline, bool unique_values);

  // The next command of `client`, valid until the next call of anything here.
  std::span<const Operation> Next(std::size_t client);

  // Feeds what a client read back, so that its later compare-and-sets have a
  // chance. Needed only if wants_observations().
  void Observe(std::size_t client, std::string_view key,
               std::string_view value);
  bool wants_observations() const { return spec_.cas > 0; }

  // The `index`-th put of the preload; as Next. Null past the last key.
  const Operation* Preload(std::uint64_t index);
  std::uint64_t preload_count() const { return spec_.preload ? spec_.keys : 0; }

  const WorkloadSpec& spec() const { return spec_; }
  // Keys of its own that each client has (conflict workload).
  std::uint64_t keys_per_client() const { return keys_per_client_; }

 private:
  enum class Action : std::uint8_t {
    kPut,
    kRead,
    kAdd,
    kCas,
    kAppend,
    kScan,
    kInsert,
    kReadModifyWrite,
  };
  struct Client {
    Random random;
    std::uint64_t issued = 0;  // commands, and so the value's stamp
    std::uint64_t inserted = 0;
  };

  std::string_view MakeKey(KeyKind kind, std::uint64_t number);
  Action DrawAction(Random& random) const;
  std::uint64_t DrawKey(std::size_t client, Client& state);
  KeyKind DrawKind(Random& random) const;
  std::uint64_t NewKey(std::size_t client, Client& state) const;
  std::string_view StampValue(std::size_t client, std::uint64_t number);
  Operation Put(std::size_t client, const Client& state, std::string_view key);
  Operation CompareAndSet(std::size_t client, const Client& state,
                          std::string_view key);

  WorkloadSpec spec_;
  std::size_t client_count_;
  std::uint64_t keys_per_client_ = 0;
  // Shares as cumulative thresholds of 2^32, in the order of Action.
  struct Share {
    std::uint64_t below;
    Action action;
  };
  std::vector<Share> shares_;
  std::uint64_t hot_threshold_ = 0;  // of 2^32
  std::uint64_t counter_threshold_ = 0;
  std::uint64_t list_threshold_ = 0;
  std::optional<Zipf> zipf_;
  std::vector<Client> clients_;
  // What a client last saw or wrote, by HashKey; only for compare-and-set. Two
  // keys of one hash would only cost a mismatch.
  std::vector<absl::flat_hash_map<std::uint64_t, std::string>> known_;
  // What Next returns views into.
  std::string key_;
  std::string scan_end_;  // behind the last register of this run
  std::string value_;
  std::string expected_;
  Operation operations_[2];
};

}  // namespace quorate::bench
