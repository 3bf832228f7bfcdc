// Answers: what does `quorate serve` do?
//
// Runs one node of a configuration in the foreground: prints "ready" on stdout
// when it serves (its store replayed, both ports open; peers are not waited
// for) and stops gracefully on SIGTERM or SIGINT. The only place of the shell
// that touches the process: signals, limits, stdout, stderr.
#pragma once

#include <string>

namespace quorate {

// Exit codes of this program (architecture.md 10).
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitStorage = 74;

// Returns the exit code. A disk that fails ends the process at once, with
// kExitStorage and without a return.
int Serve(const std::string& config_path, const std::string& node_name);

}  // namespace quorate
