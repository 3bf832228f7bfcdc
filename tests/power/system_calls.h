// Answers: how does the store get to the simulated disk?
//
// By the same system calls as ever: neither the store nor SQLite is changed.
// Between MountDisk and UnmountDisk every path inside `directory` leads to the
// disk. Calls of our own code are redirected by the linker (--wrap, see
// CMakeLists.txt), those of SQLite by its table of system calls
// (sqlite3_vfs::xSetSystemCall), and both kinds of sync, which that table does
// not have, by definitions that come before those of the C library. So SQLite's
// real layer for Unix runs, with the order of writes and syncs, of the file and
// of its directory, that it has in production. A call that is not redirected
// meets a descriptor that the kernel does not know, and fails.
#pragma once

#include <cstdint>
#include <string>

#include "tests/power/disk.h"

namespace quorate::power {

// Any number of disks, each in a directory of its own, which exists and is
// empty for the real kernel.
void MountDisk(const std::string& directory, Disk* disk);
// Every file on it is closed.
void UnmountDisk(Disk* disk);

// What SQLite draws at random from here on (salts of its log) follows from
// this.
void SeedSqlite(std::uint32_t seed);

// The SQLite connection that was opened last, for tests that spoil its
// settings: the pragma is executed on it. False when SQLite refuses.
bool ExecuteOnLastConnection(const char* sql);

}  // namespace quorate::power
