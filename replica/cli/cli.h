// Answers: what can be called from the command line?
//
// One function a sub-command of `quorate`, with the sub-command's name in
// argv[0]; each returns the exit code. They write answers to stdout and
// everything else to stderr, and end nothing: experiments/cli/main.cc picks one
// and exits with what it returned.
#pragma once

namespace quorate::cli {

// The contract of every sub-command.
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kWrongUsage = 2,
  kNoQuorum = 3,  // or timeout: the outcome may be unknown
  kStorageFailure = 74,
};

// Runs one node in the foreground.
int ServeMain(int argc, const char* const* argv);
// Starts, looks after and stops a cluster on this machine.
int LocalMain(int argc, const char* const* argv);
// Executes one command on a cluster.
int KvMain(int argc, const char* const* argv);
// Asks all nodes how they are.
int StatusMain(int argc, const char* const* argv);
// Lists what cluster.toml can say.
int SettingsMain(int argc, const char* const* argv);
// Prints which operations commute.
int ConflictsMain(int argc, const char* const* argv);
// Lists the built-in matrices of distances between sites, or prints one.
int MatricesMain(int argc, const char* const* argv);

}  // namespace quorate::cli
