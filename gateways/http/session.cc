#include "gateways/http/session.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "gateways/http/connection.h"
#include "gateways/http/net_address.h"
#include "gateways/http/request.h"
#include "gateways/http/response.h"

namespace millrace::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using stream::ViewerEnd;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// What a client may send behind its request while it is being answered.
constexpr size_t kMaxRubbish = 64 * 1024;

enum class After { kNext, kLinger, kClose };  // what becomes of the connection

int64_t UnixMs() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class Session final : public stream::ViewerObserver, public std::enable_shared_from_this<Session> {
 public:
  Session(SessionContext& context, size_t shard, tcp::socket socket, bool full)
      : context_(context),
        node_(context.node),
        shard_(shard),
        full_(full),
        connection_(std::make_shared<Connection>(std::move(socket))),
        socket_(connection_->socket()) {}

  // Keeps the session alive by its caller's share.
  asio::awaitable<void> Serve() {
    boost::system::error_code error;
    socket_.set_option(tcp::no_delay(true), error);
    peer_ = socket_.remote_endpoint(error);
    if (error) co_return;
    const bool linger = co_await ServeRequests();
    if (linger) co_await connection_->Linger();
    socket_.close(error);
  }

 private:
  // --- requests ---

  // Whether the client should be given time to read what was last sent.
  asio::awaitable<bool> ServeRequests() {
    while (true) {
      const auto configuration = node_.configuration();
      ReadLimits limits;
      limits.header_timeout = milliseconds(configuration->http().header_timeout());
      limits.max_header = configuration->http().max_header();
      const ReadResult read = co_await connection_->Read(limits);
      if (std::holds_alternative<Gone>(read)) co_return false;
      After after = After::kNext;
      if (const auto* problem = std::get_if<Problem>(&read)) {
        request_ = {};
        after = co_await Refuse(*problem);
      } else {
        request_ = std::get<Request>(read);
        Route route = Decide();
        after = co_await Handle(std::move(route));
      }
      if (after != After::kNext) co_return after == After::kLinger;
    }
  }

  asio::awaitable<After> Handle(Route route) {
    if (const auto* problem = std::get_if<Problem>(&route)) return Refuse(*problem);
    if (const auto* play = std::get_if<Play>(&route)) return PlayStream(*play);
    return Answer(request_.method == Method::kOptions ? OptionsResponse(request_.preflight)
                                                      : IndexResponse());
  }

  // What the request comes to, with all that forbids it.
  Route Decide() {
    const bool draining = context_.draining;
    if (full_ || draining) request_.keep_alive = false;
    const std::string path(PathOf(request_.target));
    if (full_) {
      return Problem{Fault::kTooManyConnections, "Ask another node, or ask again later.", path};
    }
    if (request_.method == Method::kOther) {
      return Problem{Fault::kMethod, "Ask with GET or HEAD.", path};
    }
    if (request_.method == Method::kOptions) return Index{};
    Route route = RouteRequest(request_.target);
    const auto* play = std::get_if<Play>(&route);
    if (play == nullptr) return route;
    if (draining) return Problem{Fault::kDraining, "Ask another node, or ask again later.", path};
    FindClient();
    if (const auto reason = node_.bans().Refusal(play->stream, client_.ToString(), "", UnixMs())) {
      return Problem{
          Fault::kBanned,
          fmt::format("A ban is in force: {}. Ask the operator, or wait until it is over.",
                      *reason),
          path};
    }
    return route;
  }

  void CountFault(const Problem& problem) {
    const char* name = FaultName(problem.fault);
    if (IsProtocolError(problem.fault)) {
      node_.metrics()
          .Counter("millrace_protocol_errors_total", "Things that clients did wrong",
                   {{"protocol", "http"}, {"error", name}})
          .Increment();
    }
    if (const auto suppressed = context_.bad_requests.Allow(steady_clock::now())) {
      node_.logger().Info("request refused", {{"error", name},
                                              {"peer", PeerText()},
                                              {"path", problem.instance},
                                              {"detail", problem.detail},
                                              {"suppressed", *suppressed}});
    }
  }

  std::string RenderResponse(Response response, bool head_only) {
    const auto configuration = node_.configuration();
    const auto& origins = configuration->http().allow_origins();
    const std::vector<std::string> allowed(origins.begin(), origins.end());
    AddCors(response, allowed, request_.origin);
    RenderOptions options;
    options.head_only = head_only;
    options.keep_alive = request_.keep_alive;
    options.now = std::time(nullptr);
    return Render(response, options);
  }

  asio::awaitable<After> Answer(Response response) {
    const std::string bytes = RenderResponse(std::move(response), request_.method == Method::kHead);
    const bool sent = co_await connection_->Write(bytes);
    if (!sent) co_return After::kClose;
    co_return request_.keep_alive ? After::kNext : After::kLinger;
  }

  asio::awaitable<After> Refuse(const Problem& problem) {
    CountFault(problem);
    return Answer(ProblemResponse(problem));
  }

  // --- streams ---

  void FindClient() {
    const auto peer = ParseIpAddress(peer_.address().to_string());
    if (peer) client_ = *peer;
    const auto configuration = node_.configuration();
    std::vector<Network> trusted;
    for (const std::string& text : configuration->http().trusted_proxies()) {
      if (const auto network = ParseNetwork(text)) trusted.push_back(*network);
    }
    const IpAddress client = ClientAddress(client_, request_.forwarded, trusted);
    forwarded_ = !(client == client_);
    client_ = client;
  }

  // "ip:port"; the port of a client behind a proxy is not known.
  std::string ClientText() const {
    std::string address = client_.ToString();
    if (forwarded_) return address;
    return client_.is_v4() ? fmt::format("{}:{}", address, peer_.port())
                           : fmt::format("[{}]:{}", address, peer_.port());
  }
  std::string PeerText() const {
    return fmt::format("{}:{}", peer_.address().to_string(), peer_.port());
  }

  void OpenRecord(const Play& play) {
    v1::Session row;
    row.set_protocol("http-flv");
    row.set_role(v1::ROLE_VIEWER);
    row.set_stream(play.stream);
    row.set_address(ClientText());
    row.set_user_agent(request_.user_agent);
    auto kick = [weak = weak_from_this(),
                 executor = socket_.get_executor()](const rpc::KickOrder& order) {
      asio::post(executor, [weak, reason = order.reason] {
        if (const auto self = weak.lock()) self->Kicked(reason);
      });
    };
    record_ = node_.sessions().Open(std::move(row), std::move(kick));
    logger_ = node_.logger().With(
        {{"session", record_->id()}, {"stream", play.stream}, {"peer", ClientText()}});
  }

  asio::awaitable<After> PlayStream(Play play) {
    const auto began = steady_clock::now();
    play_ = {};
    play_.head = request_.method == Method::kHead;
    OpenRecord(play);
    stream::ViewerOptions options;
    options.stream = play.stream;
    options.protocol = "http-flv";
    options.lane =
        play_.head ? FlvHeadLane(play.selection)
                   : FlvLane(play.selection, request_.chunks ? Framing::kChunked : Framing::kPlain);
    options.settings = node_.settings(play.stream);
    options.settings.clear_publishers();  // not once a session
    const uint32_t wait_ms = options.settings.wait_timeout();
    viewer_ = node_.feeds().View(shard_, socket_, std::move(options), record_, *this);
    co_await Watch();
    viewer_.reset();

    After after = play_.client_left ? After::kClose : After::kLinger;
    if (play_.started && play_.head && !play_.client_left) {
      Response response = FlvResponse(request_.chunks);
      after = co_await Answer(std::move(response));
    } else if (!play_.started && !play_.client_left) {
      const Problem problem = NotPlayed(play, wait_ms);
      after = co_await Refuse(problem);
    }
    const char* reason = EndReason();
    node_.sessions().Close(*record_, reason);
    const std::chrono::duration<double> lasted = steady_clock::now() - began;
    logger_.Info("viewer left", {{"reason", reason},
                                 {"detail", play_.end_text},
                                 {"played", play_.started && !play_.head},
                                 {"seconds", lasted.count()},
                                 {"bytes", record_->bytes_out.load()},
                                 {"frames_dropped", record_->frames_dropped.load()}});
    record_.reset();
    if (play_.end == ViewerEnd::kTooSlow) {
      // What it did not read for so long is not kept for it.
      boost::system::error_code ignored;
      socket_.set_option(asio::socket_base::linger(true, 0), ignored);
      co_return After::kClose;
    }
    co_return after;
  }

  // Reads what the client sends until it leaves or the viewer has ended. Before the stream starts
  // that may be the next request; afterwards it means nothing.
  asio::awaitable<void> Watch() {
    std::array<uint8_t, 64> bytes;
    const auto piece = asio::buffer(bytes);
    size_t discarded = 0;
    while (!play_.finished) {
      auto [error, read] = co_await socket_.async_read_some(piece, kAwait);
      if (read > 0 && !connection_->Keep(bytes.data(), read)) discarded += read;
      if (play_.finished) co_return;
      if (error || discarded > kMaxRubbish) {
        play_.client_left = true;
        play_.flooded = !error;
        co_return;
      }
    }
  }

  void Finished() {
    play_.finished = true;
    boost::system::error_code ignored;
    socket_.cancel(ignored);
  }

  void Kicked(const std::string& reason) {
    if (viewer_ == nullptr) return;
    play_.kicked = true;
    viewer_->Finish(play_.started && !play_.head ? LastChunk() : std::vector<uint8_t>(), reason);
  }

  std::vector<uint8_t> OnStart(const media::TrackSet& tracks) override {
    play_.started = true;
    if (play_.head) {
      asio::post(socket_.get_executor(), [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->Finished();
      });
      return {};
    }
    logger_.Info("viewer started",
                 {{"user_agent", request_.user_agent}, {"tracks", tracks.tracks.size()}});
    connection_->DropBuffer();  // nothing is asked on this connection any more
    request_.keep_alive = false;
    const std::string head = RenderResponse(FlvResponse(request_.chunks), false);
    return {head.begin(), head.end()};
  }

  // HTTP-FLV has no way to say why in band: the connection ends behind the last whole tag. Chunks
  // tell at least an orderly end from a viewer that was cut off because it was too slow.
  std::vector<uint8_t> OnEnding(ViewerEnd end, const std::string& /*text*/) override {
    return end == ViewerEnd::kStreamEnded ? LastChunk() : std::vector<uint8_t>();
  }
  std::vector<uint8_t> LastChunk() const {
    if (!request_.chunks) return {};
    return {kLastChunk.begin(), kLastChunk.end()};
  }

  void OnEnded(ViewerEnd end, const std::string& text) override {
    play_.end = end;
    play_.end_text = text;
    play_.client_left = end == ViewerEnd::kSocket;
    Finished();
  }

  Problem NotPlayed(const Play& play, uint32_t wait_ms) const {
    const std::string path(PathOf(request_.target));
    if (play_.end == ViewerEnd::kNoTracks) {
      const char* what = play.selection == Selection::kVideo   ? "H.264 video"
                         : play.selection == Selection::kAudio ? "AAC audio"
                                                               : "H.264 or AAC track";
      return {
          Fault::kNoSuchTracks,
          fmt::format("{} is live but has no {}, which is what FLV carries.{}", play.stream, what,
                      play.selection == Selection::kAll ? "" : " Leave the argument 'only' out."),
          path};
    }
    if (play_.kicked && context_.draining) {
      return {Fault::kDraining, "Ask another node, or ask again later.", path};
    }
    if (play_.kicked) {
      return {Fault::kKicked, fmt::format("The reason given: {}.", play_.end_text), path};
    }
    return {
        Fault::kNoSuchStream,
        fmt::format(
            "{} was not there to play within {} s. Publish it (by RTMP to /{}), then ask again.",
            play.stream, wait_ms / 1000.0, play.stream),
        path};
  }

  const char* EndReason() const {
    if (play_.kicked && (play_.end == ViewerEnd::kRequested || !play_.end)) {
      return context_.draining ? "draining" : "kicked";
    }
    if (play_.flooded) return "protocol_error";
    if (play_.head && play_.started) return "head";
    return stream::ViewerEndName(play_.end.value_or(ViewerEnd::kSocket));
  }

  SessionContext& context_;
  node::Node& node_;
  const size_t shard_;
  const bool full_;
  const std::shared_ptr<Connection> connection_;
  tcp::socket& socket_;  // the connection's
  tcp::endpoint peer_;

  Request request_;
  IpAddress client_;
  bool forwarded_ = false;  // the client's address is a proxy's word

  log::Logger logger_;
  std::shared_ptr<rpc::SessionRecord> record_;
  std::unique_ptr<stream::Viewer> viewer_;  // destroyed before the socket

  struct Playing {
    bool head = false;
    bool started = false;
    bool finished = false;  // the viewer has ended, or is not needed any more
    bool kicked = false;
    bool client_left = false;
    bool flooded = false;
    std::optional<ViewerEnd> end;
    std::string end_text;
  };
  Playing play_;
};

}  // namespace

void StartSession(SessionContext& context, size_t shard, tcp::socket socket, bool full) {
  const auto executor = socket.get_executor();
  auto session = std::make_shared<Session>(context, shard, std::move(socket), full);
  ++context.connections;
  Session* raw = session.get();
  asio::co_spawn(executor, raw->Serve(),
                 [session = std::move(session), &context](const std::exception_ptr& failure) {
                   --context.connections;
                   if (failure) std::rethrow_exception(failure);
                 });
}

}  // namespace millrace::http
