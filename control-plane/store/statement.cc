#include "control-plane/store/statement.h"

#include <fmt/format.h>

namespace millrace::control {

absl::Status SqliteStatus(sqlite3* database, int code, std::string_view doing) {
  const std::string text = fmt::format("{}: {}", doing, sqlite3_errmsg(database));
  switch (code & 0xFF) {  // the primary code of an extended one
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return absl::OkStatus();
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::FailedPreconditionError(text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(text);
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(text);
    default:
      return absl::UnavailableError(text);
  }
}

Statement::Statement(sqlite3* database, std::string_view sql) : database_(database) {
  Check(
      sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr),
      "prepare");
}

Statement::~Statement() { sqlite3_finalize(statement_); }

void Statement::Check(int code, std::string_view doing) {
  if (status_.ok()) status_ = SqliteStatus(database_, code, doing);
}

// Values outlive the statement's run: it is run where it is bound.
Statement& Statement::Text(std::string_view value) {
  Check(sqlite3_bind_text(statement_, ++bound_, value.data(), static_cast<int>(value.size()),
                          SQLITE_TRANSIENT),
        "bind");
  return *this;
}

Statement& Statement::Blob(std::string_view value) {
  Check(sqlite3_bind_blob(statement_, ++bound_, value.data(), static_cast<int>(value.size()),
                          SQLITE_TRANSIENT),
        "bind");
  return *this;
}

Statement& Statement::Integer(int64_t value) {
  Check(sqlite3_bind_int64(statement_, ++bound_, value), "bind");
  return *this;
}

bool Statement::Next() {
  if (!status_.ok()) return false;
  const int code = sqlite3_step(statement_);
  Check(code, "step");
  return code == SQLITE_ROW;
}

absl::Status Statement::Run() {
  while (Next()) {
  }
  return status_;
}

std::string Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

int64_t Statement::Number(int column) const { return sqlite3_column_int64(statement_, column); }

}  // namespace millrace::control
