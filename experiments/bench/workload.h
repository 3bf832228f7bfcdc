// Answers: which commands do the clients of a benchmark send?
//
// A workload is a value: how keys are chosen, in which shares the operations
// come, how large values are. It is one of the presets a..f (the mixes of
// YCSB), a TOML file with the names of the fields below, or flags. A
// CommandSource turns it into one endless stream a client, a pure function of
// (workload, seed, client): what a client sends next does not depend on how
// fast it is answered. The one exception is `latest`, whose skew counts back
// from the newest key that is known to be there.
//
// Conflicts, as EPaxos papers count them: `conflict` percent of the commands go
// to one hot key that all clients share, the others to keys that no other
// client uses. Without it keys are shared, and their skew decides. Keys that
// are one client's own, and those of inserts, carry the run's key space, which
// the seed decides: another run beside this one has another.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "experiments/bench/random.h"
#include "experiments/bench/zipf.h"
#include "wire/command.h"
#include "wire/operations.h"

namespace quorate::bench {

enum class KeyChoice : std::uint8_t {
  kConflict,  // one hot key, else keys of the client's own
  kUniform,   // shared, all alike
  kZipf,      // shared, key i is asked for in proportion to 1 / (i+1)^theta
  kLatest,    // shared, like kZipf counted back from the newest key that has
              // been inserted and acknowledged
};
// "conflict", "uniform", "zipf", "latest".
std::string_view Name(KeyChoice choice);

// Percent of commands, by kind of operation.
class Mix {
 public:
  Mix() = default;
  Mix(std::initializer_list<std::pair<OperationKind, double>> shares) {
    for (const auto& [kind, percent] : shares) (*this)[kind] = percent;
  }
  double& operator[](OperationKind kind) {
    return percent_[static_cast<std::size_t>(kind)];
  }
  double operator[](OperationKind kind) const {
    return percent_[static_cast<std::size_t>(kind)];
  }
  double Sum() const {
    return SumIf([](const OperationRow&) { return true; });
  }
  // Of those whose row satisfies `counts`.
  template <typename Counts>
  double SumIf(Counts counts) const {
    double sum = 0;
    for (const OperationRow& row : kOperations) {
      if (counts(row)) sum += (*this)[row.kind];
    }
    return sum;
  }

 private:
  std::array<double, kAllOperationKinds> percent_{};
};

struct WorkloadSpec {
  std::string name = "conflict";
  KeyChoice distribution = KeyChoice::kConflict;
  double conflict = 0;  // percent of commands on the hot key; kConflict only
  double zipf = 0.99;   // theta; kZipf and kLatest only
  // Percent of commands; what is left are puts. In files and on the command
  // line a kind's share has the name that its row gives it.
  Mix mix;
  double inserts = 0;             // puts of keys never used before
  double read_modify_writes = 0;  // one command: get and put of one key
  std::uint64_t value_size = 16;  // bytes
  std::uint64_t keys = 100'000;
  std::uint64_t scan_rows = 100;  // a scan asks for 1..scan_rows rows
  // Put before every key: keys that no earlier run on this cluster has used.
  std::string key_prefix;
  // Put every key once before the run; nullopt: if it reads.
  std::optional<bool> preload;

  bool preloads() const {
    const double reads =
        mix.SumIf([](const OperationRow& row) { return IsReadOnly(row.kind); });
    return preload.value_or(reads + read_modify_writes > 0);
  }
  double puts() const { return 100 - mix.Sum() - inserts - read_modify_writes; }
  // Of what its keys must hold.
  double ShareOf(Holds holds) const {
    return mix.SumIf(
        [&](const OperationRow& row) { return row.holds == holds; });
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
// prefix if there is one. Those that nobody but this run may use are as long,
// but of 2^41 others that sort behind these: a run has a piece of them that
// begins where its seed says.
inline constexpr std::size_t kKeyBytes = 8;
inline constexpr std::uint64_t kMostKeys = 1ull << 28;
void WriteKey(KeyKind kind, std::uint64_t number, char* to);
inline constexpr int kOwnKeyBits = 41;
void WriteOwnKey(KeyKind kind, std::uint64_t number, char* to);
// Where the piece of a run begins. Two of 100,000 keys each meet once in ten
// million pairs of seeds.
std::uint64_t KeySpace(std::uint64_t seed);

// Keys of its own that each of `clients` has in a conflict workload of `keys`,
// when it may have `pipeline` commands outstanding.
std::uint64_t OwnKeys(std::uint64_t keys, std::size_t clients,
                      std::size_t pipeline);

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
  bool wants_observations() const { return wants_observations_; }

  // The key that the last command inserted, if `latest` must hear of it.
  std::optional<std::uint32_t> inserted() const { return inserted_; }
  // It is there: it has been acknowledged, and may be read from now on.
  void NoteInserted(std::uint32_t key);

  // The `index`-th put of the preload; as Next. Null past the last key.
  const Operation* Preload(std::uint64_t index);
  // Every key of every table that the run may read.
  std::uint64_t preload_count() const {
    return preloads_ ? tables_.size() * key_count() : 0;
  }
  // Bytes of one put of the preload, at most.
  std::size_t preload_put_bytes() const {
    return key_.size() + static_cast<std::size_t>(spec_.value_size);
  }

  const WorkloadSpec& spec() const { return spec_; }
  // Keys of its own that each client has (conflict workload).
  std::uint64_t keys_per_client() const { return keys_per_client_; }
  // Keys of one table before the first insert.
  std::uint64_t key_count() const {
    return spec_.distribution == KeyChoice::kConflict
               ? 1 + client_count_ * keys_per_client_
               : spec_.keys;
  }

 private:
  enum class Action : std::uint8_t { kOperation, kInsert, kReadModifyWrite };
  struct Choice {
    Action action = Action::kOperation;
    OperationKind kind = OperationKind::kPut;
  };
  struct Client {
    Random random;
    std::uint64_t issued = 0;  // commands, and so the value's stamp
    std::uint64_t inserted = 0;
  };

  struct Key {
    std::uint64_t number = 0;
    bool own = false;  // of this run alone
  };

  std::string_view MakeKey(KeyKind kind, const Key& key);
  Choice Draw(Random& random) const;
  Key DrawKey(std::size_t client, Client& state);
  Key DrawLatest(Random& random) const;
  KeyKind DrawKind(Random& random) const;
  KeyKind TableOf(const OperationRow& row, Random& random) const;
  Key NewKey(std::size_t client, Client& state);
  std::string_view PreloadValue(std::uint64_t number);
  std::string_view StampValue(std::size_t client, std::uint64_t number);
  // An operation of `row` on `key`, which is the key at `where`.
  Operation Make(const OperationRow& row, std::size_t client, Client& state,
                 const Key& where, std::string_view key);
  std::int64_t DrawNumber(const Argument& argument, Random& random) const;
  std::string_view Expected(std::size_t client, const Key& where,
                            std::string_view key);

  WorkloadSpec spec_;
  std::size_t client_count_;
  std::uint64_t keys_per_client_ = 0;
  // Shares as cumulative thresholds of 2^32.
  struct Share {
    std::uint64_t below;
    Choice choice;
  };
  std::vector<Share> shares_;
  std::uint64_t hot_threshold_ = 0;  // of 2^32
  std::uint64_t counter_threshold_ = 0;
  std::uint64_t list_threshold_ = 0;
  std::optional<Zipf> zipf_;
  std::vector<Client> clients_;
  bool preloads_ = false;
  bool wants_observations_ = false;
  std::vector<KeyKind> tables_;  // that the preload fills
  // The last acknowledged inserts, as many as `latest` can reach, in a ring.
  std::vector<std::uint32_t> newest_;
  std::uint64_t acknowledged_ = 0;
  std::optional<std::uint32_t> inserted_;
  // What a client last saw or wrote, by HashKey; only for compare-and-set. Two
  // keys of one hash would only cost a mismatch.
  std::vector<absl::flat_hash_map<std::uint64_t, std::string>> known_;
  std::uint64_t key_space_ = 0;
  // What Next returns views into.
  std::string key_;
  std::string scan_end_;  // behind the last register of this run
  std::string value_;
  std::string expected_;
  Operation operations_[2];
};

}  // namespace quorate::bench
