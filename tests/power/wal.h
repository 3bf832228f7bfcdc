// Answers: what would a SQLite do that ignores the checksums of its log?
//
// Makes every frame of a write-ahead log valid again whose salts belong to the
// log's header, torn or not: recovery then accepts what it should refuse.
// Layout: https://www.sqlite.org/fileformat2.html, section 4.
#pragma once

#include <string>

namespace quorate::power {

void ResealWal(std::string& wal);

}  // namespace quorate::power
