// A child with streams that are closed, full or gone; what it does all the
// same.
#include "replica/system/standard_streams.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <functional>
#include <string>

namespace quorate {
namespace {

struct Child {
  int exit_code = -1;  // -1: ended by a signal
  std::string err;
};

void OpenAs(int descriptor, const char* path) {
  const int opened = open(path, O_RDWR);
  dup2(opened, descriptor);
  if (opened != descriptor) close(opened);
}

// Runs a program of `spoil` (its streams as they came), `work` and the usual
// beginning and end. Its stderr comes by a pipe unless `spoil` does away with
// it.
Child RunChild(const std::function<void()>& spoil,
               const std::function<void()>& work,
               OutputIs output = OutputIs::kAReport) {
  std::array<int, 2> pipe_ends{};
  EXPECT_EQ(pipe(pipe_ends.data()), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(pipe_ends[1], STDERR_FILENO);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    spoil();
    PrepareStandardStreams();
    work();
    DeclareOutput(output);
    _exit(FinishStandardStreams("program", 0));
  }
  close(pipe_ends[1]);
  Child child;
  std::array<char, 4096> room{};
  for (ssize_t got = 0;
       (got = read(pipe_ends[0], room.data(), room.size())) > 0;) {
    child.err.append(room.data(), static_cast<std::size_t>(got));
  }
  close(pipe_ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  if (WIFEXITED(status)) child.exit_code = WEXITSTATUS(status);
  return child;
}

// More than any buffer holds, by a library that throws where a write fails.
void PrintMuch() {
  for (int line = 0; line < 10'000; ++line) fmt::print("line {}\n", line);
}

TEST(StandardStreamsTest, AFullOutputChangesNothingThatWasDone) {
  const Child child = RunChild([] { OpenAs(1, "/dev/full"); }, PrintMuch);
  EXPECT_EQ(child.exit_code, 0);
  EXPECT_EQ(child.err,
            "program: the output could not be written: No space left on "
            "device; the exit code says what was done\n");
}

TEST(StandardStreamsTest, AnAnswerThatDidNotGetOutWasNotGiven) {
  const Child child =
      RunChild([] { OpenAs(1, "/dev/full"); }, [] { fmt::print("answer\n"); },
               OutputIs::kTheAnswer);
  EXPECT_EQ(child.exit_code, 1);
  EXPECT_NE(child.err.find("No space left"), std::string::npos) << child.err;
}

TEST(StandardStreamsTest, AClosedOutputSaysSo) {
  const Child child = RunChild([] { close(1); }, PrintMuch);
  EXPECT_EQ(child.exit_code, 0);
  EXPECT_NE(child.err.find("it is closed"), std::string::npos) << child.err;
}

TEST(StandardStreamsTest, AReaderThatHasGoneHasHadEnough) {
  const auto spoil = [] {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) _exit(99);
    dup2(ends[1], 1);
    close(ends[0]);
    close(ends[1]);
  };
  const Child child = RunChild(spoil, PrintMuch, OutputIs::kTheAnswer);
  EXPECT_EQ(child.exit_code, 0);
  EXPECT_EQ(child.err, "");
}

TEST(StandardStreamsTest, ErrorsThatNobodyHearsHarmNothing) {
  for (const char* full : {"/dev/full", ""}) {
    const Child child = RunChild(
        [&] {
          if (*full == '\0') {
            close(2);
          } else {
            OpenAs(2, full);
          }
        },
        [] { fmt::print(stderr, "a warning\n"); });
    EXPECT_EQ(child.exit_code, 0) << full;
  }
}

TEST(StandardStreamsTest, NothingIsEverOpenedAsOneOfThem) {
  const Child child = RunChild(
      [] {
        for (const int descriptor : {0, 1, 2}) close(descriptor);
      },
      [] {
        if (open("/dev/null", O_RDONLY) <= 2) _exit(98);
        char byte = 0;
        if (read(0, &byte, 1) != 0) _exit(97);
        PrintMuch();
      });
  EXPECT_EQ(child.exit_code, 0);
}

TEST(StandardStreamsTest, WhatCanBeWrittenIsWhole) {
  char path[] = "/tmp/quorate-streams-XXXXXX";
  const int file = mkstemp(path);
  ASSERT_GE(file, 0);
  const Child child = RunChild([&] { OpenAs(1, path); }, PrintMuch);
  EXPECT_EQ(child.exit_code, 0);
  std::string expected;
  for (int line = 0; line < 10'000; ++line) {
    expected += fmt::format("line {}\n", line);
  }
  std::string found(expected.size() + 1, '\0');
  EXPECT_EQ(pread(file, found.data(), found.size(), 0),
            static_cast<ssize_t>(expected.size()));
  found.resize(expected.size());
  EXPECT_TRUE(found == expected);
  close(file);
  std::remove(path);
}

}  // namespace
}  // namespace quorate
