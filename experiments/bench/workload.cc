#include "experiments/bench/workload.h"

#include <algorithm>
#include <cmath>
#include <cstring>
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
  std::vector<std::pair<std::string_view, double>> shares = {
      {"conflict", spec.conflict},
      {"inserts", spec.inserts},
      {"read_modify_writes", spec.read_modify_writes}};
  for (const OperationKind kind : kClientOperations) {
    shares.emplace_back(RowOf(kind).share, spec.mix[kind]);
  }
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
  std::vector<std::pair<std::string_view, double>> shares = {
      {"put", spec.puts()}};
  for (const OperationKind kind : kClientOperations) {
    shares.emplace_back(Name(kind), spec.mix[kind]);
  }
  shares.emplace_back("insert", spec.inserts);
  shares.emplace_back("read-modify-write", spec.read_modify_writes);
  std::string text;
  for (const auto& [name, percent] : shares) {
    if (percent < 1e-9) continue;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", FormatPercent(percent), name);
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
  const auto add_share = [&](double share, const Choice& choice) {
    if (share <= 0) return;
    percent += share;
    shares_.push_back({Threshold(percent), choice});
  };
  for (const OperationKind kind : kClientOperations) {
    add_share(spec.mix[kind], {Action::kOperation, kind});
  }
  add_share(spec.inserts, {.action = Action::kInsert});
  add_share(spec.read_modify_writes, {.action = Action::kReadModifyWrite});
  hot_threshold_ = Threshold(spec.conflict);
  // Reads look at counters and lists as often as writes change them.
  const double reads = spec.mix[OperationKind::kGet];
  const double counts = spec.ShareOf(Holds::kNumber);
  const double lists = spec.ShareOf(Holds::kList);
  if (reads < 100) {
    counter_threshold_ = Threshold(100 * counts / (100 - reads));
    list_threshold_ =
        counter_threshold_ + Threshold(100 * lists / (100 - reads));
  }
  if (spec.distribution == KeyChoice::kZipf ||
      spec.distribution == KeyChoice::kLatest) {
    zipf_.emplace(spec.keys, spec.zipf);
  }
  clients_.reserve(client_count_);
  for (std::size_t i = 0; i < client_count_; ++i) {
    clients_.push_back({Random(seed, i + 1)});
  }
  wants_observations_ = spec.mix.SumIf([](const OperationRow& row) {
    return FindArgument(row, Argument::Member::kExpected) != nullptr;
  }) > 0;
  if (wants_observations_) known_.resize(client_count_);
  preloads_ = spec.preloads();
  tables_ = {KeyKind::kRegister};
  // Of the other tables only gets look at a key without making it.
  if (reads > 0 && counts > 0) tables_.push_back(KeyKind::kCounter);
  if (reads > 0 && lists > 0) tables_.push_back(KeyKind::kList);
  key_ = spec.key_prefix + std::string(kKeyBytes, '0');
  key_space_ = KeySpace(seed);
  scan_end_ = spec.key_prefix +
              static_cast<char>(static_cast<char>(KeyKind::kRegister) + 1);
  value_.resize(std::max<std::size_t>(spec_.value_size, kStampDigits), '.');
}

std::span<const Operation> CommandSource::Next(std::size_t client) {
  Client& state = clients_[client];
  const Choice choice = Draw(state.random);
  const OperationRow& row = RowOf(choice.kind);
  ++state.issued;
  const KeyKind table = TableOf(row, state.random);
  inserted_.reset();
  const Key where = choice.action == Action::kInsert ? NewKey(client, state)
                                                     : DrawKey(client, state);
  const std::string_view key = MakeKey(table, where);
  if (choice.action != Action::kReadModifyWrite) {
    operations_[0] = Make(row, client, state, where, key);
    return std::span<const Operation>(operations_, 1);
  }
  operations_[0] = {.kind = OperationKind::kGet, .key = key};
  operations_[1] = Make(row, client, state, where, key);
  return std::span<const Operation>(operations_, 2);
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

CommandSource::Choice CommandSource::Draw(Random& random) const {
  if (shares_.empty()) return {};
  const std::uint64_t draw = random.Next() >> 32;
  for (const Share& share : shares_) {
    if (draw < share.below) return share.choice;
  }
  return {};
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

KeyKind CommandSource::TableOf(const OperationRow& row, Random& random) const {
  switch (row.holds) {
    case Holds::kNumber: return KeyKind::kCounter;
    case Holds::kList: return KeyKind::kList;
    case Holds::kAnything: break;
  }
  return row.kind == OperationKind::kGet ? DrawKind(random)
                                         : KeyKind::kRegister;
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

Operation CommandSource::Make(const OperationRow& row, std::size_t client,
                              Client& state, const Key& where,
                              std::string_view key) {
  Operation operation{.kind = row.kind, .key = key};
  for (const Argument& argument : row.arguments) {
    switch (argument.member) {
      case Argument::Member::kKey: break;
      case Argument::Member::kNumber:
        operation.number = DrawNumber(argument, state.random);
        break;
      case Argument::Member::kExpected:
        operation.expected = Expected(client, where, key);
        break;
      case Argument::Member::kValue:
        operation.value = argument.form == Argument::Form::kKey
                              ? std::string_view(scan_end_)
                              : StampValue(client, state.issued);
        break;
    }
  }
  // Only the stamp: a list of whole values would soon be too large.
  if (row.holds == Holds::kList) {
    operation.value = operation.value.substr(0, kStampDigits);
  } else if (wants_observations() && CarriesValue(row.kind)) {
    Observe(client, key, operation.value);
  }
  return operation;
}

std::int64_t CommandSource::DrawNumber(const Argument& argument,
                                       Random& random) const {
  const std::uint64_t most =
      argument.form == Argument::Form::kRows ? spec_.scan_rows : 9;
  return static_cast<std::int64_t>(1 + random.Below(most));
}

// What the client has heard of the key, or what it holds as long as nobody has
// written it.
std::string_view CommandSource::Expected(std::size_t client, const Key& where,
                                         std::string_view key) {
  const auto known = known_[client].find(HashKey(key));
  if (known != known_[client].end()) {
    expected_ = known->second;
  } else {
    expected_ = preloads_ ? PreloadValue(where.number) : "";
  }
  return expected_;
}

}  // namespace quorate::bench
