// Answers: what if nobody hears what this program says?
//
// Streams may be closed (>&-), full (>/dev/full, a full disk) or gone (| head).
// A program that was asked to do something does it all the same and says so by
// its exit code. So stdout and stderr become streams on which no write fails:
// the first error is kept and told at the end. Without this a descriptor of the
// standard streams that is closed becomes the next file or socket opened, and
// what is printed goes there; and fmt::print throws.
#pragma once

#include <cstdint>
#include <string_view>

namespace quorate {

enum class OutputIs : std::uint8_t {
  kAReport,    // of something done, that is done anyhow
  kTheAnswer,  // all there was to do
};

// First in main, before anything opens a descriptor or prints.
void PrepareStandardStreams();

// What is printed. A report until somebody says otherwise: whoever knows what
// was asked for.
void DeclareOutput(OutputIs output);

// Writes out what is buffered. The errno of the first write to stdout that did
// not succeed; 0 when all of it did or its reader has gone (EPIPE).
int FlushStandardOutput();

// Last in main. Says on stderr, as `program`, what could not be written.
// Returns the program's exit code: `exit_code`, or 1 in place of 0 when the
// answer did not get out.
int FinishStandardStreams(std::string_view program, int exit_code);

}  // namespace quorate
