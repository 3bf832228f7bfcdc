// Answers: what does `quorate bench` do?
//
// Runs one load against a running cluster, writes result.json and prints it
// readably. Exit codes: 0 done, 1 replicas disagree or a file cannot be
// written, 2 wrong usage, 3 no node answered.
#pragma once

namespace quorate::bench {

// `argv[0]` is "bench".
int BenchMain(int argc, const char* const* argv);

}  // namespace quorate::bench
