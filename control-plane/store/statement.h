#pragma once
// A prepared SQLite statement that is bound, stepped and read in order.

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace millrace::control {

// The status of a result code, with SQLite's own words for it.
absl::Status SqliteStatus(sqlite3* database, int code, std::string_view doing);

class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Text(std::string_view value);
  Statement& Blob(std::string_view value);
  Statement& Integer(int64_t value);

  // Whether there is a row; false as well when it failed, see status().
  bool Next();
  // Runs a statement that yields no rows.
  absl::Status Run();
  absl::Status status() const { return status_; }

  std::string Bytes(int column) const;  // text or blob
  int64_t Number(int column) const;

 private:
  void Check(int code, std::string_view doing);

  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  absl::Status status_;
};

}  // namespace millrace::control
