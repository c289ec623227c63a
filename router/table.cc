#include "router/table.h"

#include <algorithm>
#include <utility>

#include "router/table_impl.h"

namespace millrace::router {

Table::Table(Options options, Outbox& outbox, Time now, Observer* observer)
    : impl_(std::make_unique<Impl>(std::move(options), outbox, now, observer)) {}
Table::~Table() = default;

void Table::OnControl(ConnectionId from, const v1::Envelope& envelope, Time now) {
  impl_->OnControl(from, envelope, now);
}
void Table::OnMedia(ConnectionId from, const SharedBatch& batch, Time now) {
  impl_->OnMedia(from, batch, now);
}
void Table::OnConnectionUnreachable(ConnectionId connection, Time now) {
  impl_->OnConnectionUnreachable(connection, now);
}
void Table::OnTimer(Time now) { impl_->OnTimer(now); }
int64_t Table::NextDeadline() const { return impl_->NextDeadline(); }
void Table::SetEndpoint(const std::string& endpoint) {
  impl_->context().options.endpoint = endpoint;
}
void Table::SetTopology(const v1::Topology& topology, Time /*now*/) {
  impl_->SetTopology(topology);
}
void Table::SetSettings(const v1::RouterSettings& settings, Time /*now*/) {
  impl_->SetSettings(settings);
}
bool Table::KickStream(const std::string& name, const std::string& reason, Time now) {
  return impl_->KickStream(name, reason, now);
}
uint64_t Table::term() const { return impl_->context().term; }
const Options& Table::options() const { return impl_->context().options; }
const Counters& Table::counters() const { return impl_->context().counters; }
Counters& Table::counters() { return impl_->context().counters; }
Usage Table::usage() const { return impl_->usage(); }
bool Table::Describe(const std::string& name, v1::Stream& row) const {
  return impl_->Describe(name, row);
}
void Table::ForEachStream(const std::function<void(const v1::Stream&)>& visit) const {
  impl_->ForEachStream(visit);
}
void Table::TakeActive(Time now, const std::function<void(const v1::Stream&)>& visit) {
  impl_->TakeActive(now, visit);
}

}  // namespace millrace::router
