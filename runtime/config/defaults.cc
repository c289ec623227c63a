#include "runtime/config/app_settings.h"

namespace millrace::config {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;
constexpr uint64_t kGiB = 1024 * kMiB;

v1::AppSettings DefaultApp() {
  v1::AppSettings app;
  app.set_flush(0);
  app.set_audio_hold(40);
  app.set_wait_timeout(10'000);
  app.set_track_wait(2'500);
  app.set_publish_idle_timeout(30'000);
  app.set_grace(15'000);
  app.set_grace_after_unpublish(0);
  app.set_publish_policy(v1::replace);
  app.set_slow_viewer_timeout(20'000);
  app.set_viewer_backlog(4 * kMiB);
  app.set_segment_target(4'000);
  app.set_part_target(500);
  app.set_gop_limit(32 * kMiB);
  app.set_replay_limit(64 * kMiB);
  app.set_start(v1::key);
  app.set_catch_up(v1::pace);
  app.set_catch_up_speed(200);
  app.set_audio_transcode(v1::none);
  app.set_ingest_speed_limit(200);
  app.set_ingest_burst(10'000);
  app.set_max_bitrate(0);
  app.set_max_frame_rate(0);
  app.set_publish_login(v1::challenge);
  return app;
}

}  // namespace

v1::Configuration DefaultConfiguration() {
  v1::Configuration configuration;
  *configuration.mutable_defaults() = DefaultApp();

  v1::RouterSettings& router = *configuration.mutable_router();
  router.set_lease(3'000);
  router.set_settle(1'000);
  router.set_cache_limit(1 * kGiB);
  router.set_stream_cache_limit(64 * kMiB);
  router.set_publish_credit(32 * kMiB);
  router.set_max_streams(20'000);

  v1::RtmpSettings& rtmp = *configuration.mutable_rtmp();
  rtmp.set_chunk_size(60'000);
  rtmp.set_max_message(10 * kMiB);
  rtmp.set_max_partial(16 * kMiB);
  rtmp.set_handshake_timeout(5'000);
  rtmp.set_idle_timeout(30'000);
  rtmp.set_max_connections(20'000);

  v1::RtspSettings& rtsp = *configuration.mutable_rtsp();
  rtsp.set_handshake_timeout(5'000);
  rtsp.set_idle_timeout(30'000);
  rtsp.set_session_timeout(60'000);
  rtsp.set_max_connections(20'000);
  rtsp.set_udp_ports("20000-20999");
  rtsp.set_udp_address("");
  rtsp.set_multicast_groups("off");
  rtsp.set_multicast_ttl(1);
  rtsp.set_multicast_port(21'000);

  v1::HttpSettings& http = *configuration.mutable_http();
  http.set_header_timeout(5'000);
  http.set_max_header(16 * kKiB);
  http.set_max_connections(20'000);
  http.add_allow_origins("*");

  v1::LimitSettings& limits = *configuration.mutable_limits();
  limits.set_connections_per_address(0);
  limits.set_publishers_per_address(0);
  limits.set_streams_per_node(0);

  configuration.mutable_metrics()->set_per_stream(false);
  configuration.mutable_metrics()->set_per_stream_limit(100);
  configuration.mutable_bus()->set_subscription_credit(32 * kMiB);
  return configuration;
}

v1::Configuration WithDefaults(const v1::Configuration& configuration) {
  v1::Configuration result = DefaultConfiguration();
  // Merging appends to lists; a list that is given replaces the default one.
  if (!configuration.http().allow_origins().empty()) {
    result.mutable_http()->clear_allow_origins();
  }
  result.MergeFrom(configuration);
  return result;
}

void Override(v1::AppSettings& settings, const v1::AppSettings& over) {
  // Merging would let in those of `settings` too.
  if (!over.publishers().empty()) settings.clear_publishers();
  if (!over.viewers().empty()) settings.clear_viewers();
  settings.MergeFrom(over);
}

v1::Configuration WithoutSecrets(v1::Configuration configuration) {
  const auto hide = [](v1::AppSettings& app) {
    for (auto& [user, password] : *app.mutable_publishers()) password = kHidden;
    for (auto& [user, password] : *app.mutable_viewers()) password = kHidden;
  };
  if (configuration.has_defaults()) hide(*configuration.mutable_defaults());
  for (auto& [name, app] : *configuration.mutable_applications()) hide(app);
  for (auto& [pattern, settings] : *configuration.mutable_streams()) hide(settings);
  return configuration;
}

}  // namespace millrace::config
