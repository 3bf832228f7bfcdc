// Answers: what does `quorate report` do?
//
// Reads one result.json: prints it readably with its latency curve and draws
// the pictures. Reads several: prints one table. Exit codes: 0 done, 1 a file
// is no result or a picture could not be drawn, 2 wrong usage.
#pragma once

namespace quorate::bench {

// `argv[0]` is "report".
int ReportMain(int argc, const char* const* argv);

}  // namespace quorate::bench
