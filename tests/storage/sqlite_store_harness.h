// Answers: how does a test make a store's directory, and alter it?
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "storage/sqlite_connection.h"
#include "tests/storage/store_fixture.h"

namespace quorate {

inline std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

class SqliteStoreTest : public ::testing::Test {
 protected:
  // A store with `groups` groups, closed properly.
  void MakeStore(std::uint64_t groups) {
    auto store = OpenStore(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(AppendGroups(**store, 1, groups).ok());
    ASSERT_TRUE((*store)->Close().ok());
  }
  void Alter(const std::string& sql) {
    auto connection = SqliteConnection::Open(directory_.File("node.db"));
    ASSERT_TRUE(connection.ok()) << connection.status();
    const absl::Status status = (*connection)->Execute(sql);
    ASSERT_TRUE(status.ok()) << status;
  }
  absl::Status OpenStatus() { return OpenStore(directory_.path()).status(); }
  absl::Status ReplayStatus() {
    auto store = OpenStore(directory_.path());
    if (!store.ok()) return store.status();
    return CountGroups(**store).status();
  }

  TemporaryDirectory directory_;
};

}  // namespace quorate
