#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "control-plane/cli/command.h"
#include "control-plane/cli/json.h"
#include "control-plane/cli/text.h"

namespace millrace::cli {
namespace {

int64_t Now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

struct State {
  const char* word;
  Style style;
};

State StateOf(const v1::Stream& stream) {
  switch (stream.state()) {
    case v1::STREAM_LIVE:
      return {"live", Style::kGood};
    case v1::STREAM_GRACE:
      return {"grace", Style::kWarning};
    case v1::STREAM_WAITING:
      return {"waiting", Style::kFaint};
    case v1::STREAM_ENDED:
      return {"ended", Style::kFaint};
    default:
      return {"?", Style::kPlain};
  }
}

std::string Count(uint64_t number, const char* what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

std::string TrackText(const v1::TrackSummary& track) {
  std::string text = track.codec();
  if (track.width() > 0) text += fmt::format(" {}x{}", track.width(), track.height());
  if (track.frame_rate() > 0) text += fmt::format(" {:.4g} fps", track.frame_rate());
  if (track.sample_rate() > 0) text += fmt::format(" {:.4g} kHz", track.sample_rate() / 1000.0);
  if (track.channels() > 0) text += fmt::format(" {} ch", track.channels());
  return text;
}

std::string TracksText(const v1::Stream& stream) {
  std::string text;
  for (const v1::TrackSummary& track : stream.tracks()) {
    if (!text.empty()) text += ", ";
    text += TrackText(track);
  }
  return text.empty() ? "–" : text;
}

int List(const Context& context) {
  v1::ListStreamsRequest request;
  request.set_prefix(context.arguments.Get("prefix"));
  const auto streams = context.client().ListStreams(request);
  if (!streams.ok()) return context.Fail(streams.status());
  if (context.json) {
    context.out << ToJsonList("streams", *streams) << "\n";
    return kOk;
  }
  if (streams->empty()) {
    context.out << "No streams. Publish one, for example to rtmp://HOST/live/cam1\n";
    return kOk;
  }
  Table table({"NAME", "STATE", "VIEWERS", "BITRATE", "UP", "TRACKS", "PUBLISHER"},
              context.colours);
  for (const v1::Stream& stream : *streams) {
    const State state = StateOf(stream);
    const int64_t up = stream.started_unix_ms() > 0 ? Now() - stream.started_unix_ms() : 0;
    table.Add({{stream.name()},
               {state.word, state.style},
               {fmt::format("{}", stream.viewers()), Style::kPlain, true},
               {Bitrate(stream.bitrate_bps()), Style::kPlain, true},
               {Duration(up), Style::kPlain, true},
               {TracksText(stream)},
               {stream.publisher_session().empty() ? "–" : stream.publisher_session()}});
  }
  context.out << table.Render();
  return kOk;
}

using Line = std::function<void(const char* key, const std::string& value, Style style)>;

void PrintUrls(const v1::StreamUrls& urls, const Line& line) {
  for (const v1::StreamUrl& url : urls.publish()) {
    line("publish", url.url(), Style::kPlain);
    if (url.server().empty()) continue;
    line("", fmt::format("OBS: Server {}   Stream Key {}", url.server(), url.key()), Style::kFaint);
  }
  for (const v1::StreamUrl& url : urls.play()) line("play", url.url(), Style::kPlain);
}

int Urls(const Context& context) {
  const auto urls = context.client().GetStreamUrls(context.words[0]);
  if (!urls.ok()) return context.Fail(urls.status());
  if (context.json) {
    context.out << ToJson(*urls) << "\n";
    return kOk;
  }
  if (urls->publish().empty() && urls->play().empty()) {
    context.out << "No gateway is attached, and `public` is not configured.\n";
    return kOk;
  }
  PrintUrls(*urls, [&](const char* key, const std::string& value, Style style) {
    context.out << fmt::format("{:<9}{}\n", key, Painted(Harmless(value), style, context.colours));
  });
  return kOk;
}

int Get(const Context& context) {
  const auto stream = context.client().GetStream(context.words[0]);
  if (!stream.ok()) return context.Fail(stream.status());
  if (context.json) {
    context.out << ToJson(*stream) << "\n";
    return kOk;
  }
  const State state = StateOf(*stream);
  const auto line = [&](const char* key, const std::string& value, Style style = Style::kPlain) {
    context.Line(key, value, style);
  };
  line("name", stream->name(), Style::kBold);
  line("state", state.word, state.style);
  line("viewers",
       fmt::format("{}, {} subscribed", stream->viewers(), Count(stream->subscriptions(), "node")));
  line("publisher",
       stream->publisher_session().empty()
           ? "–"
           : fmt::format("{} on {}", stream->publisher_session(), stream->publisher_node()));
  line("since", LocalTime(stream->started_unix_ms()));
  for (const v1::TrackSummary& track : stream->tracks()) {
    line(fmt::format("track {}", track.id()).c_str(),
         fmt::format("{} ({})", TrackText(track), track.codec_string()));
  }
  line("bitrate", Bitrate(stream->bitrate_bps()));
  if (stream->key_frame_interval_ms() > 0) {
    line("key frames", fmt::format("every {:.1f} s{}", stream->key_frame_interval_ms() / 1e3,
                                   stream->has_b_frames() ? ", with B-frames" : ""));
  }
  line("received", fmt::format("{}, {} frames", Bytes(stream->bytes_in()), stream->frames_in()));
  line("cached", Bytes(stream->cache_bytes()));
  line("timeline",
       fmt::format("{:.3f} s, sequence {}", stream->dts_end_ns() / 1e9, stream->last_sequence()));
  line("epoch", fmt::format("{}", stream->epoch()));
  line("router", stream->router().empty() ? "–" : stream->router());
  PrintUrls(stream->urls(), line);
  for (const std::string& advice : stream->advice()) line("advice", advice, Style::kWarning);
  return kOk;
}

void PrintEvent(const Context& context, const v1::StreamEvent& event) {
  if (context.json) {
    context.out << ToJson(event) << std::endl;
    return;
  }
  // What was there and what comes look the same but for the word.
  const auto [word, style] = [&]() -> State {
    switch (event.type()) {
      case v1::StreamEvent::CURRENT:
        return {"is", Style::kFaint};
      case v1::StreamEvent::UP:
        return {"up", Style::kGood};
      case v1::StreamEvent::DOWN:
        return {"down", Style::kBad};
      default:
        return {"changed", Style::kPlain};
    }
  }();
  if (event.type() == v1::StreamEvent::SYNCED) {
    if (context.colours) {
      context.out << Painted("– watching; Ctrl-C ends –", Style::kFaint, true) << std::endl;
    }
    return;
  }
  const v1::Stream& stream = event.stream();
  context.out << fmt::format("{}  {}{:<{}}  {}  {}, {}, {}", LocalClock(event.unix_ms()),
                             Painted(word, style, context.colours), "",
                             7 - std::string(word).size(), Harmless(stream.name()),
                             StateOf(stream).word, Count(stream.viewers(), "viewer"),
                             Bitrate(stream.bitrate_bps()))
              << std::endl;
}

int Watch(const Context& context) {
  const absl::Status ended =
      context.client().WatchStreams(context.arguments.Get("prefix"), [&](const auto& event) {
        PrintEvent(context, event);
        return context.out.good();  // a pipe that was closed ends the watch
      });
  return ended.ok() ? kOk : context.Fail(ended);
}

int KickOne(const Context& context) {
  const absl::StatusOr<uint64_t> ban = context.Milliseconds("ban", 0);
  if (!ban.ok()) return context.Fail(ban.status());
  v1::KickStreamRequest request;
  request.set_name(context.words[0]);
  request.set_reason(context.arguments.Get("reason"));
  request.set_ban_ms(*ban);
  const auto response = context.client().KickStream(request);
  if (!response.ok()) return context.Fail(response.status());
  if (context.json) {
    context.out << ToJson(*response) << "\n";
    return kOk;
  }
  context.out << fmt::format("kicked {}: {} told to close\n", Harmless(request.name()),
                             Count(response->sessions_kicked(), "session"));
  if (response->has_ban()) {
    context.out << fmt::format("banned until {}; undo: millrace bans remove {}\n",
                               LocalTime(response->ban().expires_unix_ms()), response->ban().id());
  }
  return kOk;
}

}  // namespace

std::vector<Command> StreamCommands() {
  return {
      {"streams",
       "list",
       "",
       "Every stream of the cluster",
       "A stream is `live` while somebody publishes it, in `grace` while its publisher is lost and "
       "may come\n"
       "back, and `waiting` while viewers wait for a publisher.\n\n"
       "  --prefix=TEXT        only streams whose names start so\n\n"
       "  millrace streams list --prefix live/\n"
       "  millrace streams list --json | jq -r '.streams[].name'\n",
       0,
       0,
       {"prefix"},
       List},
      {"streams",
       "get",
       "NAME",
       "One stream in full, with the URLs to publish to and to play from",
       "  millrace streams get live/cam1\n",
       1,
       1,
       {},
       Get},
      {"streams",
       "urls",
       "NAME",
       "Where to publish and to play a stream, whether it exists or not",
       "Exactly what to paste. Host and ports are those of `public` in the configuration; what it "
       "leaves\n"
       "out is that of a gateway.\n\n"
       "  millrace streams urls live/cam1\n"
       "  ffplay \"$(millrace streams urls live/cam1 --json | jq -r '.play[0].url')\"\n",
       1,
       1,
       {},
       Urls},
      {"streams",
       "watch",
       "",
       "Streams as they come, change and go, until Ctrl-C",
       "First what there is, then each change. With --json one event a line.\n\n"
       "  --prefix=TEXT        only streams whose names start so\n\n"
       "  millrace streams watch --json | jq -c 'select(.type == \"UP\") | .stream.name'\n",
       0,
       0,
       {"prefix"},
       Watch},
      {"streams",
       "kick",
       "NAME",
       "End a stream and every session on it",
       "The publisher and all viewers are told the reason and closed. Without a ban they may come "
       "back at\n"
       "once; with one, the name can be neither published nor played until it is over.\n\n"
       "  --reason=TEXT        what clients are told\n"
       "  --ban=DURATION       and ban the stream for so long\n\n"
       "  millrace streams kick live/cam1 --reason 'not allowed here' --ban 1m\n",
       1,
       1,
       {"reason", "ban"},
       KickOne},
  };
}

}  // namespace millrace::cli
