#include "control-plane/store/sqlite_store.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "control-plane/store/statement.h"

namespace millrace::control {
namespace {

constexpr int64_t kApplicationId = 0x4D524343;  // "MRCC": tells our files from other SQLite files
constexpr int64_t kSchemaVersion = 2;
constexpr const char* kSchema = R"sql(
  CREATE TABLE bans (id TEXT PRIMARY KEY, ban BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE nodes (name TEXT PRIMARY KEY, registration BLOB NOT NULL, address TEXT NOT NULL,
                      seen_unix_ms INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE routers (node TEXT PRIMARY KEY, endpoint TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
)sql";
// Since version 2.
constexpr const char* kRelaySchema = R"sql(
  CREATE TABLE pulls (stream TEXT PRIMARY KEY, pull BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE pushes (name TEXT PRIMARY KEY, push BLOB NOT NULL) WITHOUT ROWID;
)sql";

constexpr std::string_view kTopology = "topology";
constexpr std::string_view kApplied = "applied_configuration";
constexpr std::string_view kAppliedOverFile = "applied_over_file";
constexpr std::string_view kAppliedUnixMs = "applied_unix_ms";
constexpr std::string_view kConfiguration = "configuration";
constexpr std::string_view kConfigurationRevision = "configuration_revision";
constexpr std::string_view kStateRevision = "state_revision";

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(sqlite3* database) : database_(database) {}
  ~SqliteStore() override { sqlite3_close(database_); }

  absl::Status Prepare() {
    sqlite3_busy_timeout(database_, 500);
    // Exclusive: a second control plane on the same file would hand out the same terms. The lock is
    // taken by the transaction below and kept until the file is closed.
    for (const char* sql : {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL",
                            "PRAGMA synchronous=FULL", "BEGIN EXCLUSIVE"}) {
      if (absl::Status done = Execute(sql); !done.ok()) return done;
    }
    absl::Status schema = PrepareSchema();
    if (!schema.ok()) return schema;
    return Execute("COMMIT");
  }

  absl::StatusOr<std::vector<v1::Ban>> LoadBans() override {
    return LoadAll<v1::Ban>("SELECT ban FROM bans ORDER BY id", "a ban");
  }

  absl::Status PutBan(const v1::Ban& ban) override {
    return Statement(database_, "INSERT OR REPLACE INTO bans VALUES (?, ?)")
        .Text(ban.id())
        .Blob(ban.SerializeAsString())
        .Run();
  }

  absl::Status RemoveBan(const std::string& id) override {
    return Statement(database_, "DELETE FROM bans WHERE id = ?").Text(id).Run();
  }

  absl::StatusOr<std::vector<v1::Pull>> LoadPulls() override {
    return LoadAll<v1::Pull>("SELECT pull FROM pulls ORDER BY stream", "a pull");
  }

  absl::Status PutPull(const v1::Pull& pull) override {
    return Statement(database_, "INSERT OR REPLACE INTO pulls VALUES (?, ?)")
        .Text(pull.stream())
        .Blob(pull.SerializeAsString())
        .Run();
  }

  absl::Status RemovePull(const std::string& stream) override {
    return Statement(database_, "DELETE FROM pulls WHERE stream = ?").Text(stream).Run();
  }

  absl::StatusOr<std::vector<v1::Push>> LoadPushes() override {
    return LoadAll<v1::Push>("SELECT push FROM pushes ORDER BY name", "a push");
  }

  absl::Status PutPush(const v1::Push& push) override {
    return Statement(database_, "INSERT OR REPLACE INTO pushes VALUES (?, ?)")
        .Text(push.name())
        .Blob(push.SerializeAsString())
        .Run();
  }

  absl::Status RemovePush(const std::string& name) override {
    return Statement(database_, "DELETE FROM pushes WHERE name = ?").Text(name).Run();
  }

  absl::StatusOr<StoredTopology> LoadTopology() override {
    StoredTopology stored;
    absl::StatusOr<std::string> bytes = Fact(kTopology);
    if (!bytes.ok()) return bytes.status();
    if (!stored.topology.ParseFromString(*bytes)) return Damaged("the topology");
    Statement rows(database_, "SELECT node, endpoint FROM routers");
    while (rows.Next()) stored.routers.emplace(rows.Bytes(0), rows.Bytes(1));
    if (!rows.status().ok()) return rows.status();
    return stored;
  }

  absl::Status SaveTopology(const StoredTopology& topology) override {
    return InTransaction([&] {
      absl::Status done = SetFact(kTopology, topology.topology.SerializeAsString());
      if (done.ok()) done = Execute("DELETE FROM routers");
      for (const auto& [node, endpoint] : topology.routers) {
        if (!done.ok()) break;
        done = Statement(database_, "INSERT INTO routers VALUES (?, ?)")
                   .Text(node)
                   .Text(endpoint)
                   .Run();
      }
      return done;
    });
  }

  absl::StatusOr<std::vector<StoredNode>> LoadNodes() override {
    std::vector<StoredNode> nodes;
    Statement rows(database_,
                   "SELECT registration, address, seen_unix_ms FROM nodes ORDER BY name");
    while (rows.Next()) {
      StoredNode& node = nodes.emplace_back();
      if (!node.registration.ParseFromString(rows.Bytes(0))) return Damaged("a node");
      node.address = rows.Bytes(1);
      node.seen_unix_ms = rows.Number(2);
    }
    if (!rows.status().ok()) return rows.status();
    return nodes;
  }

  absl::Status PutNode(const StoredNode& node) override {
    return Statement(database_, "INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?)")
        .Text(node.registration.node())
        .Blob(node.registration.SerializeAsString())
        .Text(node.address)
        .Integer(node.seen_unix_ms)
        .Run();
  }

  absl::Status RemoveNodesSeenBefore(int64_t unix_ms) override {
    return Statement(database_, "DELETE FROM nodes WHERE seen_unix_ms < ?").Integer(unix_ms).Run();
  }

  absl::StatusOr<std::optional<AppliedConfiguration>> LoadApplied() override {
    // The time says that there is one: an empty configuration is one too.
    absl::StatusOr<uint64_t> time = Counter(kAppliedUnixMs);
    if (!time.ok()) return time.status();
    if (*time == 0) return std::optional<AppliedConfiguration>();
    absl::StatusOr<std::string> configuration = Fact(kApplied);
    if (!configuration.ok()) return configuration.status();
    absl::StatusOr<std::string> over_file = Fact(kAppliedOverFile);
    if (!over_file.ok()) return over_file.status();
    AppliedConfiguration applied;
    if (!applied.configuration.ParseFromString(*configuration)) {
      return Damaged("the applied configuration");
    }
    applied.over_file = *std::move(over_file);
    applied.applied_unix_ms = static_cast<int64_t>(*time);
    return std::optional(std::move(applied));
  }

  absl::Status SaveApplied(const AppliedConfiguration& applied) override {
    return InTransaction([&] {
      absl::Status done = SetFact(kApplied, applied.configuration.SerializeAsString());
      if (done.ok()) done = SetFact(kAppliedOverFile, applied.over_file);
      if (done.ok()) done = SetFact(kAppliedUnixMs, std::to_string(applied.applied_unix_ms));
      return done;
    });
  }

  absl::Status RemoveApplied() override {
    return InTransaction([&] {
      absl::Status done = absl::OkStatus();
      for (const std::string_view name : {kApplied, kAppliedOverFile, kAppliedUnixMs}) {
        if (done.ok())
          done = Statement(database_, "DELETE FROM facts WHERE name = ?").Text(name).Run();
      }
      return done;
    });
  }

  absl::StatusOr<uint64_t> ConfigurationRevision(const std::string& configuration) override {
    absl::StatusOr<std::string> last = Fact(kConfiguration);
    if (!last.ok()) return last.status();
    absl::StatusOr<uint64_t> revision = Counter(kConfigurationRevision);
    if (!revision.ok()) return revision.status();
    if (*revision > 0 && *last == configuration) return *revision;
    const uint64_t next = *revision + 1;
    absl::Status saved = InTransaction([&] {
      absl::Status done = SetFact(kConfiguration, configuration);
      return done.ok() ? SetFact(kConfigurationRevision, std::to_string(next)) : done;
    });
    if (!saved.ok()) return saved;
    return next;
  }

  absl::StatusOr<uint64_t> NextStateRevision() override {
    absl::StatusOr<uint64_t> revision = Counter(kStateRevision);
    if (!revision.ok()) return revision.status();
    const uint64_t next = *revision + 1;
    absl::Status saved = SetFact(kStateRevision, std::to_string(next));
    if (!saved.ok()) return saved;
    return next;
  }

 private:
  static absl::Status Damaged(const char* what) {
    return absl::DataLossError(fmt::format("{} in the store cannot be read", what));
  }

  template <class Row>
  absl::StatusOr<std::vector<Row>> LoadAll(const char* sql, const char* what) {
    std::vector<Row> all;
    Statement rows(database_, sql);
    while (rows.Next()) {
      if (!all.emplace_back().ParseFromString(rows.Bytes(0))) return Damaged(what);
    }
    if (!rows.status().ok()) return rows.status();
    return all;
  }

  absl::Status Execute(const char* sql) {
    return SqliteStatus(database_, sqlite3_exec(database_, sql, nullptr, nullptr, nullptr), sql);
  }

  template <class Work>
  absl::Status InTransaction(Work work) {
    absl::Status done = Execute("BEGIN IMMEDIATE");
    if (!done.ok()) return done;
    done = work();
    if (done.ok()) done = Execute("COMMIT");
    if (!done.ok()) Execute("ROLLBACK").IgnoreError();
    return done;
  }

  absl::StatusOr<int64_t> Pragma(const char* sql) {
    Statement row(database_, sql);
    const bool found = row.Next();
    if (!row.status().ok()) return row.status();
    return found ? row.Number(0) : 0;
  }

  absl::Status PrepareSchema() {
    absl::StatusOr<int64_t> application = Pragma("PRAGMA application_id");
    if (!application.ok()) return application.status();
    absl::StatusOr<int64_t> version = Pragma("PRAGMA user_version");
    if (!version.ok()) return version.status();
    absl::StatusOr<int64_t> tables = Pragma("SELECT count(*) FROM sqlite_schema");
    if (!tables.ok()) return tables.status();
    if (*version == 0 && *tables == 0) {
      absl::Status done = Execute(kSchema);
      if (done.ok()) done = Execute(kRelaySchema);
      if (done.ok())
        done = Execute(fmt::format("PRAGMA application_id={}", kApplicationId).c_str());
      if (done.ok()) done = Execute(fmt::format("PRAGMA user_version={}", kSchemaVersion).c_str());
      return done;
    }
    if (*application != kApplicationId) return absl::DataLossError("it is not a Millrace store");
    if (*version > kSchemaVersion) {
      return absl::FailedPreconditionError(
          fmt::format("a newer version of Millrace wrote it (schema {}, this one knows {})",
                      *version, kSchemaVersion));
    }
    if (*version == kSchemaVersion) return absl::OkStatus();
    absl::Status done = Execute(kRelaySchema);
    if (done.ok()) done = Execute(fmt::format("PRAGMA user_version={}", kSchemaVersion).c_str());
    return done;
  }

  absl::StatusOr<std::string> Fact(std::string_view name) {
    Statement row(database_, "SELECT value FROM facts WHERE name = ?");
    row.Text(name);
    const bool found = row.Next();
    if (!row.status().ok()) return row.status();
    return found ? row.Bytes(0) : std::string();
  }

  absl::Status SetFact(std::string_view name, std::string_view value) {
    return Statement(database_, "INSERT OR REPLACE INTO facts VALUES (?, ?)")
        .Text(name)
        .Blob(value)
        .Run();
  }

  absl::StatusOr<uint64_t> Counter(std::string_view name) {
    absl::StatusOr<std::string> text = Fact(name);
    if (!text.ok()) return text.status();
    return text->empty() ? 0 : std::strtoull(text->c_str(), nullptr, 10);
  }

  sqlite3* const database_;
};

absl::Status Explain(const absl::Status& status, const std::string& path) {
  std::string hint;
  if (status.code() == absl::StatusCode::kDataLoss) {
    hint =
        "; move the file away to start with an empty store (bans are lost, nodes register again), "
        "or "
        "restore a backup";
  } else if (status.code() == absl::StatusCode::kFailedPrecondition &&
             status.message().find("locked") != absl::string_view::npos) {
    hint = "; another control plane uses it: give each its own --store";
  }
  return absl::Status(status.code(), fmt::format("cannot use the store {}: {}{}", path,
                                                 std::string(status.message()), hint));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path) {
  const std::filesystem::path file(path);
  if (file.has_parent_path()) {
    std::error_code ignored;  // opening says what is wrong
    std::filesystem::create_directories(file.parent_path(), ignored);
  }
  sqlite3* database = nullptr;
  const bool is_new = path != ":memory:" && !std::filesystem::exists(file);
  const int code =
      sqlite3_open_v2(path.c_str(), &database,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  auto store = std::make_unique<SqliteStore>(database);
  if (code != SQLITE_OK) return Explain(SqliteStatus(database, code, "open"), path);
  // It holds passwords. SQLite gives the files beside it the same permissions.
  if (is_new) {
    std::error_code ignored;  // a file system without permissions
    std::filesystem::permissions(
        file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, ignored);
  }
  if (absl::Status ready = store->Prepare(); !ready.ok()) return Explain(ready, path);
  return store;
}

}  // namespace millrace::control
