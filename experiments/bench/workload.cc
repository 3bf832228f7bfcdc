#include "experiments/bench/workload.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <set>
#include <utility>

#include "experiments/bench/text.h"
#include "fmt/format.h"
#include "wire/limits.h"

namespace quorate::bench {
namespace {

constexpr std::size_t kStampDigits = 16;
constexpr int kStampNumberBits = 40;
constexpr std::uint64_t kHotKey = 0;

// Out of 2^32, so that one draw of 32 bits decides.
std::uint64_t Threshold(double percent) {
  return static_cast<std::uint64_t>(std::llround(percent / 100 * 4294967296.0));
}

bool Below(Random& random, std::uint64_t threshold) {
  return (random.Next() >> 32) < threshold;
}

// Least significant digit first, so that a stamp cut short still changes with
// every command.
void WriteStamp(std::uint64_t stamp, char* to, std::size_t digits) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < digits; ++i) {
    to[i] = kDigits[stamp & 15];
    stamp >>= 4;
  }
}

}  // namespace

std::string_view Name(KeyChoice choice) {
  switch (choice) {
    case KeyChoice::kConflict: return "conflict";
    case KeyChoice::kUniform: return "uniform";
    case KeyChoice::kZipf: return "zipf";
    case KeyChoice::kLatest: return "latest";
  }
  return "unknown";
}

void WriteKey(KeyKind kind, std::uint64_t number, char* to) {
  static constexpr char kDigits[] = "0123456789abcdef";
  to[0] = static_cast<char>(kind);
  for (std::size_t i = kKeyBytes - 1; i > 0; --i) {
    to[i] = kDigits[number & 15];
    number >>= 4;
  }
}

void WriteOwnKey(KeyKind kind, std::uint64_t number, char* to) {
  // In the order of their codes. The first digit is none that a shared key has.
  static constexpr char kDigits[] =
      "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
  static constexpr char kFirstDigits[] = "GHIJKLMNOPQRSTUVWXYZghijklmnopqr";
  to[0] = static_cast<char>(kind);
  for (std::size_t i = kKeyBytes - 1; i > 1; --i) {
    to[i] = kDigits[number & 63];
    number >>= 6;
  }
  to[1] = kFirstDigits[number & 31];
}

std::uint64_t KeySpace(std::uint64_t seed) {
  // Away from the streams of clients and arrivals.
  constexpr std::uint64_t kStream = 0x5bac'e000'0000;
  return Random(seed, kStream).Below(1ull << kOwnKeyBits);
}

absl::Status Validate(const WorkloadSpec& spec) {
  const auto wrong = [&](const std::string& what) {
    return absl::InvalidArgumentError(
        fmt::format("workload \"{}\": {}", spec.name, what));
  };
  const std::pair<const char*, double> shares[] = {
      {"conflict", spec.conflict},
      {"reads", spec.reads},
      {"adds", spec.adds},
      {"cas", spec.cas},
      {"appends", spec.appends},
      {"scans", spec.scans},
      {"inserts", spec.inserts},
      {"read_modify_writes", spec.read_modify_writes}};
  for (const auto& [name, percent] : shares) {
    if (percent >= 0 && percent <= 100) continue;
    return wrong(fmt::format("{} is {}; give a percentage from 0 to 100", name,
                             percent));
  }
  if (spec.puts() < -1e-9) {
    return wrong(
        fmt::format("the shares of operations add up to {} %; make it at most "
                    "100 (the rest are puts)",
                    100 - spec.puts()));
  }
  if (spec.keys == 0 || spec.keys > kMostKeys / 2) {
    return wrong(fmt::format("keys is {}; give a number from 1 to {}",
                             spec.keys, kMostKeys / 2));
  }
  if (spec.value_size > kMaxValueBytes) {
    return wrong(fmt::format(
        "value_size is {}; the store takes values of at most {} bytes",
        spec.value_size, kMaxValueBytes));
  }
  if (!(spec.zipf >= 0 && spec.zipf <= 10)) {
    return wrong(fmt::format(
        "zipf is {}; give an exponent from 0 (all keys alike) to 10",
        spec.zipf));
  }
  if (spec.scan_rows == 0 || spec.scan_rows > kMaxScanRows) {
    return wrong(fmt::format("scan_rows is {}; give a number from 1 to {}",
                             spec.scan_rows, kMaxScanRows));
  }
  if (spec.key_prefix.size() + kKeyBytes > kMaxKeyBytes) {
    return wrong(fmt::format("the key prefix has {} bytes; give at most {}",
                             spec.key_prefix.size(), kMaxKeyBytes - kKeyBytes));
  }
  return absl::OkStatus();
}

std::string Describe(const WorkloadSpec& spec) {
  const std::pair<const char*, double> shares[] = {
      {"put", spec.puts()},     {"get", spec.reads},
      {"add", spec.adds},       {"cas", spec.cas},
      {"append", spec.appends}, {"scan", spec.scans},
      {"insert", spec.inserts}, {"read-modify-write", spec.read_modify_writes}};
  std::string text;
  for (const auto& [name, percent] : shares) {
    if (percent < 1e-9) continue;
    if (!text.empty()) text += ", ";
    text += FormatPercent(percent) + " " + name;
  }
  text += "; " + FormatCount(spec.keys) + " keys: ";
  switch (spec.distribution) {
    case KeyChoice::kConflict:
      text += FormatPercent(spec.conflict) +
              " of commands on one hot key, the rest on each client's own";
      break;
    case KeyChoice::kUniform: text += "uniform"; break;
    case KeyChoice::kZipf: text += fmt::format("zipf {}", spec.zipf); break;
    case KeyChoice::kLatest:
      text += fmt::format("latest first, zipf {}", spec.zipf);
      break;
  }
  text += fmt::format("; {}-byte values", spec.value_size);
  return text + (spec.preloads() ? "; every key preloaded" : "");
}

std::uint64_t OwnKeys(std::uint64_t keys, std::size_t clients,
                      std::size_t pipeline) {
  return std::max<std::uint64_t>(keys / clients,
                                 2 * std::max<std::size_t>(pipeline, 1));
}

CommandSource::CommandSource(const WorkloadSpec& spec, std::uint64_t seed,
                             std::size_t clients, std::size_t pipeline,
                             bool unique_values)
    : spec_(spec), client_count_(std::max<std::size_t>(clients, 1)) {
  if (unique_values) {
    spec_.value_size = std::max<std::uint64_t>(spec_.value_size, kStampDigits);
  }
  keys_per_client_ = OwnKeys(spec_.keys, client_count_, pipeline);
  double percent = 0;
  for (auto [share, action] : std::initializer_list<std::pair<double, Action>>{
           {spec.reads, Action::kRead},
           {spec.adds, Action::kAdd},
           {spec.cas, Action::kCas},
           {spec.appends, Action::kAppend},
           {spec.scans, Action::kScan},
           {spec.inserts, Action::kInsert},
           {spec.read_modify_writes, Action::kReadModifyWrite}}) {
    if (share <= 0) continue;
    percent += share;
    shares_.push_back({Threshold(percent), action});
  }
  hot_threshold_ = Threshold(spec.conflict);
  // Reads look at counters and lists as often as writes change them.
  const double writes = 100 - spec.reads;
  if (writes > 0) {
    counter_threshold_ = Threshold(100 * spec.adds / writes);
    list_threshold_ =
        counter_threshold_ + Threshold(100 * spec.appends / writes);
  }
  if (spec.distribution == KeyChoice::kZipf ||
      spec.distribution == KeyChoice::kLatest) {
    zipf_.emplace(spec.keys, spec.zipf);
  }
  clients_.reserve(client_count_);
  for (std::size_t i = 0; i < client_count_; ++i) {
    clients_.push_back({Random(seed, i + 1)});
  }
  if (spec.cas > 0) known_.resize(client_count_);
  preloads_ = spec.preloads();
  tables_ = {KeyKind::kRegister};
  // Of the other tables only gets look at a key without making it.
  if (spec.reads > 0 && spec.adds > 0) tables_.push_back(KeyKind::kCounter);
  if (spec.reads > 0 && spec.appends > 0) tables_.push_back(KeyKind::kList);
  key_ = spec.key_prefix + std::string(kKeyBytes, '0');
  key_space_ = KeySpace(seed);
  scan_end_ = spec.key_prefix +
              static_cast<char>(static_cast<char>(KeyKind::kRegister) + 1);
  value_.resize(std::max<std::size_t>(spec_.value_size, kStampDigits), '.');
}

std::span<const Operation> CommandSource::Next(std::size_t client) {
  Client& state = clients_[client];
  const Action action = DrawAction(state.random);
  ++state.issued;
  KeyKind kind = KeyKind::kRegister;
  if (action == Action::kRead) kind = DrawKind(state.random);
  if (action == Action::kAdd) kind = KeyKind::kCounter;
  if (action == Action::kAppend) kind = KeyKind::kList;
  inserted_.reset();
  const Key where = action == Action::kInsert ? NewKey(client, state)
                                              : DrawKey(client, state);
  const std::string_view key = MakeKey(kind, where);
  switch (action) {
    case Action::kPut:
    case Action::kInsert: operations_[0] = Put(client, state, key); break;
    case Action::kRead:
      operations_[0] = {.kind = OperationKind::kGet, .key = key};
      break;
    case Action::kAdd:
      operations_[0] = {
          .kind = OperationKind::kAdd,
          .key = key,
          .number = static_cast<std::int64_t>(state.random.Below(9)) + 1};
      break;
    case Action::kCas:
      operations_[0] = CompareAndSet(client, state, where, key);
      break;
    case Action::kAppend:
      // Only the stamp: a list of whole values would soon be too large.
      operations_[0] = {
          .kind = OperationKind::kAppend,
          .key = key,
          .value = StampValue(client, state.issued).substr(0, kStampDigits)};
      break;
    case Action::kScan:
      operations_[0] = {.kind = OperationKind::kScan,
                        .key = key,
                        .value = scan_end_,
                        .number = static_cast<std::int64_t>(
                            1 + state.random.Below(spec_.scan_rows))};
      break;
    case Action::kReadModifyWrite:
      operations_[0] = {.kind = OperationKind::kGet, .key = key};
      operations_[1] = Put(client, state, key);
      return std::span<const Operation>(operations_, 2);
  }
  return std::span<const Operation>(operations_, 1);
}

void CommandSource::Observe(std::size_t client, std::string_view key,
                            std::string_view value) {
  if (!wants_observations()) return;
  known_[client].insert_or_assign(HashKey(key), value);
}

void CommandSource::NoteInserted(std::uint32_t key) {
  if (newest_.size() < spec_.keys) {
    newest_.push_back(key);
  } else {
    newest_[acknowledged_ % spec_.keys] = key;
  }
  ++acknowledged_;
}

const Operation* CommandSource::Preload(std::uint64_t index) {
  if (index >= preload_count()) return nullptr;
  const KeyKind kind = tables_[index / key_count()];
  const std::uint64_t number = index % key_count();
  const bool own =
      spec_.distribution == KeyChoice::kConflict && number != kHotKey;
  operations_[0] = {.kind = OperationKind::kPut,
                    .key = MakeKey(kind, {number, own})};
  if (kind == KeyKind::kRegister) operations_[0].value = PreloadValue(number);
  if (kind == KeyKind::kCounter) operations_[0].value = "0";
  return operations_;
}

// A client number that no client has, so that these values are unique too.
std::string_view CommandSource::PreloadValue(std::uint64_t number) {
  return StampValue(client_count_, number);
}

std::string_view CommandSource::MakeKey(KeyKind kind, const Key& key) {
  char* to = key_.data() + spec_.key_prefix.size();
  if (key.own) {
    WriteOwnKey(kind, key_space_ + key.number, to);
  } else {
    WriteKey(kind, key.number, to);
  }
  return key_;
}

CommandSource::Action CommandSource::DrawAction(Random& random) const {
  if (shares_.empty()) return Action::kPut;
  const std::uint64_t draw = random.Next() >> 32;
  for (const Share& share : shares_) {
    if (draw < share.below) return share.action;
  }
  return Action::kPut;
}

CommandSource::Key CommandSource::DrawKey(std::size_t client, Client& state) {
  switch (spec_.distribution) {
    case KeyChoice::kUniform: return {state.random.Below(spec_.keys)};
    case KeyChoice::kZipf: return {zipf_->Draw(state.random)};
    case KeyChoice::kLatest: return DrawLatest(state.random);
    case KeyChoice::kConflict: break;
  }
  if (hot_threshold_ > 0 && Below(state.random, hot_threshold_)) {
    return {kHotKey};
  }
  // In turn, not at random: a key comes back only after all others.
  const std::uint64_t own =
      1 + client * keys_per_client_ + state.issued % keys_per_client_;
  return {own % kMostKeys, true};
}

// The newest key that is there is the first of the skew: an insert counts from
// its acknowledgement, whoever's it is. Never a key that may be missing.
CommandSource::Key CommandSource::DrawLatest(Random& random) const {
  std::uint64_t back = zipf_->Draw(random);
  if (!preloads_) {
    // With nothing there yet there is nothing to be found.
    if (acknowledged_ == 0) return {spec_.keys - 1};
    back %= acknowledged_;
  }
  if (back >= acknowledged_) return {spec_.keys - 1 - (back - acknowledged_)};
  return {newest_[(acknowledged_ - 1 - back) % spec_.keys], true};
}

KeyKind CommandSource::DrawKind(Random& random) const {
  if (list_threshold_ == 0) return KeyKind::kRegister;
  const std::uint64_t draw = random.Next() >> 32;
  if (draw < counter_threshold_) return KeyKind::kCounter;
  return draw < list_threshold_ ? KeyKind::kList : KeyKind::kRegister;
}

CommandSource::Key CommandSource::NewKey(std::size_t client, Client& state) {
  const std::uint64_t number =
      (spec_.keys + state.inserted++ * client_count_ + client) % kMostKeys;
  if (spec_.distribution == KeyChoice::kLatest) {
    inserted_ = static_cast<std::uint32_t>(number);
  }
  return {number, true};
}

std::string_view CommandSource::StampValue(std::size_t client,
                                           std::uint64_t number) {
  const std::uint64_t stamp =
      (static_cast<std::uint64_t>(client) << kStampNumberBits) | number;
  const auto size = static_cast<std::size_t>(spec_.value_size);
  WriteStamp(stamp, value_.data(), std::min(size, kStampDigits));
  return std::string_view(value_).substr(0, size);
}

Operation CommandSource::Put(std::size_t client, const Client& state,
                             std::string_view key) {
  const std::string_view value = StampValue(client, state.issued);
  if (wants_observations()) Observe(client, key, value);
  return {.kind = OperationKind::kPut, .key = key, .value = value};
}

Operation CommandSource::CompareAndSet(std::size_t client, const Client& state,
                                       const Key& where, std::string_view key) {
  const auto known = known_[client].find(HashKey(key));
  if (known != known_[client].end()) {
    expected_ = known->second;
  } else {
    // Nobody has told it otherwise.
    expected_ = preloads_ ? PreloadValue(where.number) : "";
  }
  const std::string_view value = StampValue(client, state.issued);
  Observe(client, key, value);
  return {.kind = OperationKind::kCompareAndSet,
          .key = key,
          .value = value,
          .expected = expected_};
}

}  // namespace quorate::bench
