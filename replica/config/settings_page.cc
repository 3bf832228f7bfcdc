// The table of settings as a page, and the smallest file that a cluster needs.
#include <algorithm>

#include "replica/config/setting_table.h"
#include "wire/text.h"
#include "wire/timers.h"

namespace quorate {
namespace {

constexpr std::string_view kHead = R"(# Settings: what `cluster.toml` can say

Generated from the table in `replica/config/setting_table.cc`; `QUORATE_UPDATE=1 config_test` writes it again. `quorate settings` prints the same.

One file describes the whole cluster and is the same on every node; `quorate serve --node r1` picks the row. A name below is the table and the key: `protocol.faults` is `faults` under `[protocol]`, `node.roles` is `roles` of each `[[node]]`; `release.` comes with the program. A key that is left out has its default, an unknown one is an error, and every error names file, line, key, what was found and what is allowed. How a cluster is run: [`deployment.md`](deployment.md).

)";

constexpr std::string_view kAgreedHead = R"(
## Agreed

They give the protocol its meaning. A node writes them into its directory when it creates it, and says them in every handshake. A directory that was begun with another value is refused at start (exit 1), a peer with another value is not talked to (the log, and `quorate status`, which then exits 1), and so is a program whose `cluster.toml` is not that of the node it calls. Each refusal names the setting and both values.

What is compared is the meaning: `faults = 0` and the number it stands for are the same, and so are two ways to write one quorum system. A setting that the protocol has no use for is not compared. They are fixed from the first record on that a node has written: until then it takes the file as it is. Another value needs another cluster, with empty directories.
)";

constexpr std::string_view kPrivateHead = R"(
## Private

They may differ from node to node, and change with any restart.
)";

constexpr std::string_view kMinimal = R"([cluster]
id = "demo"

[[node]]
name = "r1"
peer = "host1.example:7101"
client = "host1.example:7201"
dir = "/var/lib/quorate"

[[node]]
name = "r2"
peer = "host2.example:7101"
client = "host2.example:7201"
dir = "/var/lib/quorate"

[[node]]
name = "r3"
peer = "host3.example:7101"
client = "host3.example:7201"
dir = "/var/lib/quorate"

[[node]]
name = "r4"
peer = "host4.example:7101"
client = "host4.example:7201"
dir = "/var/lib/quorate"

[[node]]
name = "r5"
peer = "host5.example:7101"
client = "host5.example:7201"
dir = "/var/lib/quorate"
)";

// What would end the cell is written so that it does not.
std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

// "`64`"; words stay words.
std::string DefaultCell(const SettingRow& row) {
  const std::string text = row.Default();
  return text.empty() || !row.form.otherwise.empty() ? text
                                                     : Concat("`", text, "`");
}

constexpr std::string_view kTimersHead = R"(
## Timers

Every time that the product waits, from `wire/timers.h`: what happens then, and what it is easily taken for. None of them decides what is true; wrong ones make a cluster slow or busy. Ticks are `protocol.tick_ms` apart. Where a setting is named, the value is its default; the others are fixed. Measured beside them: how long answers take (`client/patience.h`), and the age of a recovery's attempt (`epaxos/suspicion.cc`).

| timer | value | what | not to be confused with | setting |
|---|---|---|---|---|
)";

std::string TimerTable() {
  std::string text;
  for (const Timer& timer : kTimers) {
    text += Concat(
        "| `", timer.name, "` | ", timer.value, " ", Name(timer.unit), " | ",
        timer.what, " | ", timer.confused, " | ",
        timer.setting.empty() ? "" : Concat("`", timer.setting, "`"), " |\n");
  }
  return text;
}

std::string Table(SettingTable rows, SettingScope scope) {
  std::string text =
      Concat("\n| setting | default | allowed | what it says | ",
             scope == SettingScope::kAgreed ? "why all have it alike"
                                            : "why it may differ",
             " |\n|---|---|---|---|---|\n");
  for (const SettingRow& row : rows) {
    if (row.scope != scope) continue;
    text += Concat("| `", row.name, "` | ", Cell(DefaultCell(row)), " | ",
                   Cell(row.Allowed()), " | ", Cell(row.about), " | ",
                   Cell(row.why), " |\n");
  }
  return text;
}

}  // namespace

std::string_view MinimalConfig() { return kMinimal; }

std::string SettingsPage(SettingTable rows) {
  return Concat(
      kHead,
      "All that five machines need (`quorate settings --example`):\n\n"
      "```toml\n",
      kMinimal, "```\n", kAgreedHead, Table(rows, SettingScope::kAgreed),
      kPrivateHead, Table(rows, SettingScope::kPrivate), kTimersHead,
      TimerTable());
}

}  // namespace quorate
