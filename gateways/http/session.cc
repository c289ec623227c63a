#include "gateways/http/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "gateways/http/client_address.h"
#include "gateways/http/connection.h"
#include "gateways/http/request.h"
#include "gateways/http/response.h"
#include "gateways/http/websocket/frame_reader.h"
#include "media/base/fault.h"
#include "runtime/node/logins.h"
#include "runtime/transport/arrival.h"

namespace millrace::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using stream::ViewerEnd;

// What a client may send behind its request while it is being answered.
constexpr size_t kMaxRubbish = 64 * 1024;
constexpr size_t kMaxUser = 64;  // as users may be configured
// Whoever is turned away has so long to ask for the reason.
constexpr milliseconds kRefusedTime{1'000};

enum class After { kNext, kLinger, kClose };  // what becomes of the connection

class Session final : public stream::ViewerObserver, public std::enable_shared_from_this<Session> {
 public:
  Session(SessionContext& context, size_t shard, bool full)
      : context_(context), node_(context.node), shard_(shard), full_(full) {}

  // Keeps the session alive by its caller's share.
  asio::awaitable<void> Serve(tcp::socket socket, std::shared_ptr<ssl_ctx_st> certificate) {
    boost::system::error_code error;
    socket.set_option(tcp::no_delay(true), error);
    const bool arrived = co_await Arrive(std::move(socket), std::move(certificate));
    if (!arrived) co_return;
    const bool linger = co_await ServeRequests();
    if (linger) co_await connection_->Linger();
    connection_->socket().close(error);
  }

 private:
  // Who is at the other end. False where nobody is, or nobody who can be served.
  asio::awaitable<bool> Arrive(tcp::socket socket, std::shared_ptr<ssl_ctx_st> certificate) {
    const auto configuration = node_.configuration();
    transport::ArrivalOptions options;
    options.balancers = transport::Networks(configuration->http().proxy_protocol());
    options.certificate = std::move(certificate);
    options.timeout = milliseconds(configuration->http().header_timeout());
    peer_ = transport::PeerOf(socket);
    auto arrived = co_await transport::Arrive(std::move(socket), std::move(options));
    if (arrived.ok()) {
      peer_ = arrived->client;
      connection_ = std::make_shared<Connection>(std::move(arrived->transport));
      // A proxy's connections are its clients', who are known when they ask.
      const std::string address = peer_.address.ToString();
      if (!node::IsInside(address, configuration->http().trusted_proxies())) Enter(address);
      co_return true;
    }
    if (const std::string name = media::FaultName(arrived.status()); name != "other") {
      CountProtocolError(name);
      if (const auto suppressed = context_.bad_requests.Allow(steady_clock::now())) {
        node_.logger().Warning("connection refused", {{"error", name},
                                                      {"peer", peer_.ToString()},
                                                      {"detail", arrived.status().message()},
                                                      {"suppressed", *suppressed}});
      }
    }
    co_return false;
  }

  // --- requests ---

  // Whether the client should be given time to read what was last sent.
  asio::awaitable<bool> ServeRequests() {
    while (true) {
      std::optional<Route> route = co_await NextRequest();
      if (!route) co_return false;
      const After after = co_await Handle(*std::move(route));
      if (after != After::kNext) co_return after == After::kLinger;
    }
  }

  // What comes next; nothing where the client is gone. Of its own, so that what reading took is
  // given back before a viewer stays for hours.
  asio::awaitable<std::optional<Route>> NextRequest() {
    ReadLimits limits;
    const auto configuration = node_.configuration();
    limits.header_timeout = milliseconds(configuration->http().header_timeout());
    limits.max_header = configuration->http().max_header();
    if (over_limit_) limits.header_timeout = std::min(limits.header_timeout, kRefusedTime);
    ReadResult read = co_await connection_->Read(limits);
    if (std::holds_alternative<Gone>(read)) co_return std::nullopt;
    if (auto* problem = std::get_if<Problem>(&read)) {
      request_ = {};
      co_return std::move(*problem);
    }
    request_ = std::get<Request>(std::move(read));
    co_return Decide();
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
    FindClient();
    if (!Enter(client_.ToString())) {
      request_.keep_alive = false;
      return Problem{Fault::kConnectionsPerAddress,
                     "Close one, or ask the operator for more; or ask again later.", path};
    }
    if (request_.method == Method::kOther) {
      return Problem{Fault::kMethod, "Ask with GET or HEAD.", path};
    }
    if (request_.method == Method::kOptions) return Index{};
    Route route = RouteRequest(request_.target);
    const auto* play = std::get_if<Play>(&route);
    if (play == nullptr) return route;
    if (draining) return Problem{Fault::kDraining, "Ask another node, or ask again later.", path};
    if (auto problem = WrongUpgrade()) return *std::move(problem);
    if (auto problem = WrongLogin(*play, path)) return *std::move(problem);
    if (const auto reason = node_.bans().RefusalNow(play->stream, client_.ToString(), user_)) {
      return Problem{
          Fault::kBanned,
          fmt::format("A ban is in force: {}. Ask the operator, or wait until it is over.",
                      *reason),
          path};
    }
    return route;
  }

  std::optional<Problem> WrongLogin(const Play& play, const std::string& path) {
    Credentials given = play.credentials;
    if (given.user.empty()) given = ParseBasic(request_.authorization).value_or(Credentials());
    user_ = CleanText(given.user, kMaxUser);
    if (node::MayPlay(node_.settings(play.stream), given.user, given.password)) {
      return std::nullopt;
    }
    if (given.user.empty()) {
      return Problem{Fault::kLogin, "Ask with HTTP Basic, or add ?user=...&pass=... to the URL.",
                     path};
    }
    request_.keep_alive = false;  // who guesses has to connect each time
    return Problem{Fault::kWrongLogin, "Ask the operator, or look for a typing error.", path};
  }

  // Counts the connection as `address`'s; false where that has as many as it may.
  bool Enter(const std::string& address) {
    if (address == entered_) return !over_limit_;
    entered_ = address;
    shares_.clear();
    auto shares = context_.limits.Connect(address, node_.configuration()->limits());
    over_limit_ = !shares.has_value();
    if (shares) shares_ = *std::move(shares);
    return !over_limit_;
  }

  // Why the request does not make a WebSocket, where it asks for one.
  std::optional<Problem> WrongUpgrade() const {
    if (!request_.websocket) return std::nullopt;
    const UpgradeRequest& upgrade = *request_.websocket;
    const std::string path(PathOf(request_.target));
    if (request_.method != Method::kGet) {
      return Problem{Fault::kBadUpgrade, "A WebSocket is asked for with GET.", path};
    }
    if (!upgrade.connection_upgrade) {
      return Problem{Fault::kBadUpgrade, "The field Connection has to name 'Upgrade'.", path};
    }
    if (upgrade.version != "13") {
      return Problem{Fault::kUpgradeVersion, "The field Sec-WebSocket-Version has to be 13.", path};
    }
    if (!IsKey(upgrade.key)) {
      return Problem{Fault::kBadUpgrade,
                     "The field Sec-WebSocket-Key has to be 16 bytes in base64.", path};
    }
    if (!MayOpenWebSocket(AllowedOrigins(), request_.origin, request_.host)) {
      return Problem{Fault::kOrigin, "Add the page's origin to http.allow_origins.", path};
    }
    return std::nullopt;
  }

  std::vector<std::string> AllowedOrigins() const {
    const auto configuration = node_.configuration();
    const auto& origins = configuration->http().allow_origins();
    return {origins.begin(), origins.end()};
  }

  void CountProtocolError(const std::string& name) {
    node_.metrics()
        .Counter("millrace_protocol_errors_total", "Things that clients did wrong",
                 {{"protocol", "http"}, {"error", name}})
        .Increment();
  }

  void CountFault(const Problem& problem) {
    const char* name = FaultName(problem.fault);
    if (IsRefusal(problem.fault)) node::CountRefusal(node_.metrics(), "http", name);
    if (IsProtocolError(problem.fault)) CountProtocolError(name);
    if (const auto suppressed = context_.bad_requests.Allow(steady_clock::now())) {
      node_.logger().Info("request refused", {{"error", name},
                                              {"peer", peer_.ToString()},
                                              {"path", problem.instance},
                                              {"detail", problem.detail},
                                              {"suppressed", *suppressed}});
    }
  }

  std::string RenderResponse(Response response, bool head_only) {
    AddCors(response, AllowedOrigins(), request_.origin);
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
    const auto configuration = node_.configuration();
    const auto trusted = transport::Networks(configuration->http().trusted_proxies());
    client_ = ClientAddress(peer_.address, request_.forwarded, trusted);
  }

  // "ip:port"; the port of a client behind a proxy that speaks HTTP is not known.
  std::string ClientText() const {
    return client_ == peer_.address ? peer_.ToString() : client_.ToString();
  }

  const char* ProtocolName() const { return request_.websocket ? "ws-flv" : "http-flv"; }

  void OpenRecord(const Play& play) {
    v1::Session row;
    row.set_protocol(ProtocolName());
    row.set_role(v1::ROLE_VIEWER);
    row.set_stream(play.stream);
    row.set_address(ClientText());
    row.set_user(user_);
    row.set_user_agent(request_.user_agent);
    auto kick = [weak = weak_from_this(),
                 executor = connection_->socket().get_executor()](const rpc::KickOrder& order) {
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
    View(play);
    co_await Watch();
    viewer_.reset();
    const After after = co_await Conclude(play);
    CloseRecord(steady_clock::now() - began);
    co_return after;
  }

  void View(const Play& play) {
    stream::ViewerOptions options;
    options.stream = play.stream;
    options.protocol = ProtocolName();
    const Framing framing = request_.websocket ? Framing::kWebSocket
                            : request_.chunks  ? Framing::kChunked
                                               : Framing::kPlain;
    options.lane = play_.head ? FlvHeadLane(play.choice) : FlvLane(play.choice, framing);
    options.settings = node_.settings(play.stream);
    if (play.start != v1::START_SETTING_UNSPECIFIED) options.settings.set_start(play.start);
    node::ForgetLogins(options.settings);
    viewer_ =
        node_.feeds().View(shard_, connection_->transport(), std::move(options), record_, *this);
  }

  // What the viewer is still to be told.
  asio::awaitable<After> Conclude(const Play& play) {
    if (play_.end == ViewerEnd::kTooSlow) {
      // What it did not read for so long is not kept for it.
      boost::system::error_code ignored;
      connection_->socket().set_option(asio::socket_base::linger(true, 0), ignored);
      co_return After::kClose;
    }
    if (play_.client_left) co_return After::kClose;
    if (!play_.started) {
      const Problem problem = NotPlayed(play);
      co_return co_await Refuse(problem);
    }
    if (!play_.head) co_return After::kLinger;
    Response response = FlvResponse(request_.chunks);
    co_return co_await Answer(std::move(response));
  }

  void CloseRecord(std::chrono::duration<double> lasted) {
    const char* reason = EndReason();
    node_.sessions().Close(*record_, reason);
    logger_.Info("viewer left", {{"reason", reason},
                                 {"detail", play_.end_text},
                                 {"played", play_.started && !play_.head},
                                 {"seconds", lasted.count()},
                                 {"bytes", record_->bytes_out.load()},
                                 {"frames_dropped", record_->frames_dropped.load()}});
    record_.reset();
  }

  // Reads what the client sends until it leaves or the viewer has ended. Before the stream starts
  // that may be the next request; afterwards it means nothing, but in a WebSocket.
  asio::awaitable<void> Watch() {
    std::array<uint8_t, 64> bytes;
    size_t discarded = 0;
    while (!play_.finished) {
      const auto [error, read] = co_await connection_->transport().Read(bytes);
      if (play_.frames != nullptr) {
        ReadFrames({bytes.data(), read});
      } else if (read > 0 && !connection_->Keep(bytes.data(), read)) {
        discarded += read;
      }
      if (play_.finished) co_return;
      if (error || discarded > kMaxRubbish) {
        play_.client_left = true;
        play_.broke_protocol = !error;
        co_return;
      }
    }
  }

  // What a viewer says in its WebSocket.
  void ReadFrames(media::Bytes bytes) {
    while (!bytes.empty() && viewer_ != nullptr && !play_.ending) {
      const auto event = play_.frames->Consume(bytes);
      if (!event.ok()) {
        const std::string name = media::FaultName(event.status());
        CountProtocolError(name);
        play_.broke_protocol = true;
        FinishWith(CloseFrame(CloseCodeOf(event.status()), name), name);
      } else if (event->has_value()) {
        if (const auto* ping = std::get_if<PingReceived>(&**event)) {
          viewer_->SendControl(PongFrame(ping->payload));
        } else {
          play_.said_goodbye = true;
          FinishWith(CloseFrame(std::get<CloseReceived>(**event).code, ""), "closed by the client");
        }
      }
    }
  }

  void FinishWith(std::vector<uint8_t> last, const std::string& text) {
    play_.ending = true;
    viewer_->Finish(std::move(last), text);
  }

  void Finished() {
    play_.finished = true;
    connection_->transport().Cancel();
  }

  void Kicked(const std::string& reason) {
    if (viewer_ == nullptr) return;
    play_.kicked = true;
    const CloseCode code = context_.draining ? CloseCode::kGoingAway : CloseCode::kPolicy;
    FinishWith(play_.started && !play_.head ? LastWords(code, reason) : std::vector<uint8_t>(),
               reason);
  }

  std::vector<uint8_t> OnStart(const media::TrackSet& tracks) override {
    play_.started = true;
    if (play_.head) {
      asio::post(connection_->socket().get_executor(), [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->Finished();
      });
      return {};
    }
    logger_.Info("viewer started",
                 {{"user_agent", request_.user_agent}, {"tracks", tracks.tracks.size()}});
    request_.keep_alive = false;  // nothing is asked on this connection any more
    std::vector<uint8_t> early = connection_->DropBuffer();
    if (request_.websocket) {
      play_.frames = std::make_unique<FrameReader>();
      // Behind the head, which is not on its way yet.
      asio::post(connection_->socket().get_executor(),
                 [weak = weak_from_this(), early = std::move(early)] {
                   if (const auto self = weak.lock(); self && self->play_.frames)
                     self->ReadFrames(early);
                 });
    }
    const std::string head =
        RenderResponse(request_.websocket ? UpgradeResponse(request_.websocket->key)
                                          : FlvResponse(request_.chunks),
                       false);
    return {head.begin(), head.end()};
  }

  // HTTP-FLV has no way to say why in band: the connection ends behind the last whole tag. Chunks
  // tell at least an orderly end from a viewer that was cut off because it was too slow; a
  // WebSocket's Close says it all.
  std::vector<uint8_t> OnEnding(ViewerEnd end, const std::string& text) override {
    play_.ending = true;
    if (end != ViewerEnd::kStreamEnded) return {};
    return LastWords(CloseCode::kNormal, text.empty() ? "the stream ended" : text);
  }
  std::vector<uint8_t> LastWords(CloseCode code, const std::string& reason) const {
    if (request_.websocket) return CloseFrame(code, reason);
    if (!request_.chunks) return {};
    return {kLastChunk.begin(), kLastChunk.end()};
  }

  void OnEnded(ViewerEnd end, const std::string& text) override {
    play_.end = end;
    play_.end_text = text;
    play_.client_left = end == ViewerEnd::kSocket;
    Finished();
  }

  Problem NotPlayed(const Play& play) const {
    const std::string path(PathOf(request_.target));
    if (play_.end == ViewerEnd::kNoTracks) {
      const Selection selection = play.choice.selection;
      const char* what = selection == Selection::kVideo   ? "video"
                         : selection == Selection::kAudio ? "audio"
                                                          : "track";
      const bool legacy = play.choice.form == media::flv::Form::kLegacy;
      std::string advice;
      if (selection != Selection::kAll) advice += " Leave the argument 'only' out.";
      if (legacy) advice += " Leave the argument 'codec' out.";
      return {Fault::kNoSuchTracks,
              fmt::format("{} is live but has no {} that {}FLV carries.{}", play.stream, what,
                          legacy ? "legacy " : "", advice),
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
            play.stream, node_.settings(play.stream).wait_timeout() / 1000.0, play.stream),
        path};
  }

  const char* EndReason() const {
    if (play_.kicked && (play_.end == ViewerEnd::kRequested || !play_.end)) {
      return context_.draining ? "draining" : "kicked";
    }
    if (play_.broke_protocol) return "protocol_error";
    if (play_.said_goodbye) return "client_closed";
    if (play_.head && play_.started) return "head";
    return stream::ViewerEndName(play_.end.value_or(ViewerEnd::kSocket));
  }

  SessionContext& context_;
  node::Node& node_;
  const size_t shard_;
  const bool full_;
  std::shared_ptr<Connection> connection_;  // once the client has arrived
  net::Endpoint peer_;                      // the other end, or whom a balancer speaks for

  Request request_;
  std::string user_;       // who asks, where somebody logged in
  net::IpAddress client_;  // behind HTTP proxies
  std::string entered_;    // whose connection this counts as
  bool over_limit_ = false;
  node::ClientLimits::Shares shares_;

  log::Logger logger_;
  std::shared_ptr<rpc::SessionRecord> record_;
  std::unique_ptr<stream::Viewer> viewer_;  // destroyed before the socket

  struct Playing {
    bool head = false;
    bool started = false;
    bool finished = false;  // the viewer has ended, or is not needed any more
    bool kicked = false;
    bool client_left = false;
    bool broke_protocol = false;
    bool said_goodbye = false;            // by a Close of its WebSocket
    bool ending = false;                  // the last words are on their way
    std::unique_ptr<FrameReader> frames;  // of a WebSocket that has started
    std::optional<ViewerEnd> end;
    std::string end_text;
  };
  Playing play_;
};

}  // namespace

void StartSession(SessionContext& context, size_t shard, tcp::socket socket,
                  std::shared_ptr<ssl_ctx_st> certificate, bool full) {
  const auto executor = socket.get_executor();
  auto session = std::make_shared<Session>(context, shard, full);
  ++context.connections;
  Session* raw = session.get();
  asio::co_spawn(executor, raw->Serve(std::move(socket), std::move(certificate)),
                 [session = std::move(session), &context](const std::exception_ptr& failure) {
                   --context.connections;
                   if (failure) std::rethrow_exception(failure);
                 });
}

}  // namespace millrace::http
