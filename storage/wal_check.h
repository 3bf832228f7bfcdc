// Answers: was something behind the place where SQLite will stop reading its
// write-ahead log?
//
// SQLite reads a log up to the first frame whose checksum is wrong and takes
// the rest for what a crash left half written. Only the group that was being
// written may be half there: all before it were synced. So if a whole group,
// and a frame of another one behind it, follow what can be read, then something
// in the middle was damaged, and what SQLite drops was promised. The last group
// alone tells nothing; there the mark does (mark_file.h). Layout:
// https://www.sqlite.org/fileformat2.html, section 4.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace quorate {

// DataLoss if the log at `path` was damaged in the middle. OK for a file that
// is missing, empty or no log of this kind of machine.
absl::Status CheckWal(const std::string& path);

}  // namespace quorate
