// What the program and its nodes take over from whoever starts them: streams
// that are closed, full or gone, descriptors, a terminal's signals.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/e2e/program.h"

namespace quorate::e2e {
namespace {

TEST(StreamsTest, WhatWasDoneIsDoneWhoeverHearsIt) {
  const Cluster cluster({"--durability", "memory"});
  const std::string kv =
      "\"$Q\" kv --config '" + cluster.config_path() + "' --timeout-ms 60000 ";
  for (const char* output : {">/dev/full", ">&-", ">&- 2>&-", "| true",
                             ">/dev/full 2>/dev/full", "<&- >&- 2>&-"}) {
    ExpectDone(Shell(kv + "add done 1 " + output));
    ExpectDone(Shell(kv + "add done 1 --json " + output));
  }
  EXPECT_EQ(cluster.Kv({"get", "done"}).out, "12\n");
  const Output full = Shell(kv + "put k v >/dev/full");
  EXPECT_EQ(full.exit_code, 0);
  EXPECT_NE(full.err.find("could not be written: No space left on device"),
            std::string::npos)
      << full.err;
  EXPECT_NE(full.err.find("the exit code says what was done"),
            std::string::npos);
  // Nothing else was asked for than to be told.
  for (const char* read :
       {"get k >/dev/full", "scan a >&-", "get k --json >/dev/full"}) {
    const Output untold = Shell(kv + read);
    EXPECT_EQ(untold.exit_code, 1) << read;
    EXPECT_NE(untold.err.find("ask again with one that can be written"),
              std::string::npos)
        << untold.err;
  }
  // A failure is one still.
  EXPECT_EQ(Shell(kv + "cas k other new >/dev/full").exit_code, 1);

  const std::string value(100'000, 'x');
  for (const char* key : {"l1", "l2", "l3"}) {
    ExpectDone(
        cluster.Kv({"batch", "-"}, std::string("put ") + key + " " + value));
  }
  const Output head =
      Shell("{ " + kv + "scan l; echo $? >&2; } | head -c 1 >/dev/null");
  EXPECT_EQ(head.err, "0\n");
}

TEST(StreamsTest, EveryCommandBearsStreamsThatAreGone) {
  const Folder folder;
  for (const char* output : {">/dev/full 2>&1", ">&- 2>&- <&-"}) {
    const auto code = [&](const std::string& command) {
      return Shell("\"$Q\" " + command + " " + output).exit_code;
    };
    EXPECT_EQ(code("--help"), 1);
    EXPECT_EQ(code("conflicts"), 1);
    EXPECT_EQ(code("matrices"), 1);
    EXPECT_EQ(code("plan"), 1);
    EXPECT_EQ(code("nonsense"), 2);
    EXPECT_EQ(code("kv batch - --config none"), 2);
    EXPECT_EQ(code("serve --config none --node r1"), 2);
    EXPECT_EQ(code("report none"), 1);
    EXPECT_EQ(code("bench --config none"), 2);
    EXPECT_EQ(code("local status --dir '" + folder.path() + "'"), 1);
    EXPECT_EQ(
        code("local up --durability memory --dir '" + folder.path("c d") + "'"),
        0);
    EXPECT_EQ(code("local down --dir '" + folder.path("c d") + "'"), 0);
    EXPECT_EQ(code("local down --dir '" + folder.path("c d") + "'"), 0);
  }
}

// Their log was written into the next descriptor that was opened, which was the
// loop's or a peer's.
TEST(StreamsTest, NodesServeAndStopWithoutStreams) {
  const Cluster cluster({"--durability", "memory"});
  ExpectDone(cluster.Local({"down"}));
  const std::string config = " --config '" + cluster.config_path() + "' ";
  std::string start, ask, stop, wait;
  for (const char* node : {"r1", "r2", "r3"}) {
    const std::string name(node);
    start += "\"$Q\" serve" + config + "--node " + name + " <&- >&- 2>&- & " +
             name + "=$!\n";
    // It serves, so that it bears a signal.
    ask += "\"$Q\" kv" + config + "--timeout-ms 100000 --node " + name +
           " put k v || code=10\n";
    stop += " $" + name;
    wait += "wait $" + name + " || exit 12\n";
  }
  ExpectDone(Shell(start + ask + "kill -TERM" + stop + " || code=11\n" + wait +
                   "exit ${code:-0}"));
}

TEST(StreamsTest, NodesInheritNothing) {
  const Folder folder;
  folder.Write("lock", "");
  const std::string directory = folder.path("cluster");
  std::filesystem::create_directory(folder.path("here"));
  ExpectDone(Shell("cd '" + folder.path("here") + "'; exec 9<'" +
                   folder.path("lock") +
                   "'; \"$Q\" local up --durability memory --dir ../cluster"));
  for (const char* node : {"r1", "r2", "r3"}) {
    const auto process = cli::ReadProcessFile(directory + "/" + node + ".pid");
    ASSERT_TRUE(process.has_value());
    const std::string proc = "/proc/" + std::to_string(process->pid);
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator(proc + "/fd")) {
      EXPECT_NE(std::filesystem::read_symlink(entry, error).string(),
                folder.path("lock"));
    }
    EXPECT_EQ(std::filesystem::read_symlink(proc + "/cwd"),
              std::filesystem::canonical(directory));
    // Of its own, which no terminal has: Ctrl-C is not for it.
    EXPECT_EQ(getsid(process->pid), process->pid);
  }
  ExpectDone(Quorate({"local", "down", "--dir", directory}));
}

}  // namespace
}  // namespace quorate::e2e
