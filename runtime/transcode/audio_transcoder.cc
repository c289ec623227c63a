#include "runtime/transcode/audio_transcoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libavutil/mathematics.h>
#include <libswresample/swresample.h>
}

namespace millrace::transcode {
namespace {

using media::Codec;
using media::Track;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kJumpNs = 60'000'000;
constexpr size_t kMaxUnit = 256u << 10;
constexpr int kMonoBitRate = 64'000;
constexpr int kStereoBitRate = 128'000;
// dfLa: version and flags, then the header of the block that STREAMINFO is.
constexpr size_t kFlacHeaders = 8;

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    kFree(&object);
  }
};
struct FifoDeleter {
  void operator()(AVAudioFifo* fifo) const { av_audio_fifo_free(fifo); }
};
using Context = std::unique_ptr<AVCodecContext, Deleter<avcodec_free_context>>;
using Picture = std::unique_ptr<AVFrame, Deleter<av_frame_free>>;
using Packet = std::unique_ptr<AVPacket, Deleter<av_packet_free>>;
using Resampler = std::unique_ptr<SwrContext, Deleter<swr_free>>;
using Fifo = std::unique_ptr<AVAudioFifo, FifoDeleter>;

AVCodecID DecoderOf(const Track& track) {
  switch (track.codec) {
    case Codec::kMp3:
      return AV_CODEC_ID_MP3;
    case Codec::kOpus:
      return AV_CODEC_ID_OPUS;
    case Codec::kFlac:
      return AV_CODEC_ID_FLAC;
    case Codec::kAc3:
      return AV_CODEC_ID_AC3;
    case Codec::kG711A:
      return AV_CODEC_ID_PCM_ALAW;
    case Codec::kG711U:
      return AV_CODEC_ID_PCM_MULAW;
    case Codec::kPcm:
      return AV_CODEC_ID_PCM_S16BE;
    case Codec::kG726:
      return track.config.size() > 1 && track.config[1] != 0 ? AV_CODEC_ID_ADPCM_G726
                                                             : AV_CODEC_ID_ADPCM_G726LE;
    default:
      return AV_CODEC_ID_NONE;
  }
}

int EncodedRate(uint32_t rate) {
  return rate == 32'000 || rate == 44'100 || rate == 48'000 ? static_cast<int>(rate) : 48'000;
}

absl::Status Error(const char* what, int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return absl::InvalidArgumentError(fmt::format("{}: {}", what, text));
}

bool SetExtraData(AVCodecContext& context, media::Bytes bytes) {
  if (bytes.empty()) return true;
  auto* data = static_cast<uint8_t*>(av_mallocz(bytes.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  if (data == nullptr) return false;
  std::ranges::copy(bytes, data);
  context.extradata = data;
  context.extradata_size = static_cast<int>(bytes.size());
  return true;
}

absl::StatusOr<Context> OpenDecoder(const Track& track) {
  const AVCodec* codec = avcodec_find_decoder(DecoderOf(track));
  if (codec == nullptr) {
    return absl::InvalidArgumentError(fmt::format("no decoder of {}", CodecName(track.codec)));
  }
  Context decoder(avcodec_alloc_context3(codec));
  if (decoder == nullptr) return absl::ResourceExhaustedError("no memory for a decoder");
  const int channels = std::clamp<int>(static_cast<int>(track.channels), 1, 8);
  decoder->sample_rate = static_cast<int>(track.sample_rate);
  av_channel_layout_default(&decoder->ch_layout, channels);
  media::Bytes config(track.config);
  if (track.codec == Codec::kFlac && config.size() > kFlacHeaders) {
    config = config.subspan(kFlacHeaders);
  }
  if (track.codec == Codec::kG726) {
    decoder->bits_per_coded_sample = config.empty() ? 4 : config[0];
  } else if (!SetExtraData(*decoder, config)) {
    return absl::ResourceExhaustedError("no memory for a decoder");
  }
  if (const int code = avcodec_open2(decoder.get(), codec, nullptr); code < 0) {
    return Error("the decoder refuses the configuration", code);
  }
  return decoder;
}

absl::StatusOr<Context> OpenEncoder(const Track& source) {
  const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
  if (codec == nullptr) return absl::UnavailableError("libavcodec has no encoder of AAC");
  Context encoder(avcodec_alloc_context3(codec));
  if (encoder == nullptr) return absl::ResourceExhaustedError("no memory for an encoder");
  const int channels = source.channels > 1 ? 2 : 1;
  encoder->sample_rate = EncodedRate(source.sample_rate);
  encoder->sample_fmt = AV_SAMPLE_FMT_FLTP;
  encoder->bit_rate = channels == 1 ? kMonoBitRate : kStereoBitRate;
  encoder->time_base = {1, encoder->sample_rate};
  encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  av_channel_layout_default(&encoder->ch_layout, channels);
  if (const int code = avcodec_open2(encoder.get(), codec, nullptr); code < 0) {
    return Error("the encoder of AAC does not start", code);
  }
  return encoder;
}

}  // namespace

struct AudioTranscoder::Codecs {
  Track source;
  Track track;
  Context decoder;
  Context encoder;
  Packet packet{av_packet_alloc()};
  Picture decoded{av_frame_alloc()};
  // Made for what the decoder puts out, which is known once it has, and may change.
  Resampler resampler;
  int resampled_rate = 0;
  AVSampleFormat resampled_format = AV_SAMPLE_FMT_NONE;
  int resampled_channels = 0;
  Fifo fifo;
  // In samples of the encoder. Of the first sample in the FIFO; not known before the first unit.
  std::optional<int64_t> head;
  int64_t start =
      0;  // where the encoder's clock last began: what it primes itself with lies before

  int64_t Samples(int64_t ns) const { return av_rescale(ns, encoder->sample_rate, kSecondNs); }
  int64_t Ns(int64_t samples) const { return av_rescale(samples, kSecondNs, encoder->sample_rate); }

  void FollowClock(int64_t dts_ns) {
    if (head) {
      const int64_t pending =
          resampler != nullptr ? swr_get_delay(resampler.get(), encoder->sample_rate) : 0;
      const int64_t expected = *head + av_audio_fifo_size(fifo.get()) + pending;
      if (std::abs(Ns(expected) - dts_ns) <= kJumpNs) return;
      av_audio_fifo_reset(fifo.get());
    }
    head = start = Samples(dts_ns);
  }

  absl::Status PrepareResampler() {
    AVFrame& frame = *decoded;
    if (resampler != nullptr && frame.sample_rate == resampled_rate &&
        frame.format == resampled_format && frame.ch_layout.nb_channels == resampled_channels) {
      return absl::OkStatus();
    }
    SwrContext* made = nullptr;
    int code = swr_alloc_set_opts2(
        &made, &encoder->ch_layout, encoder->sample_fmt, encoder->sample_rate, &frame.ch_layout,
        static_cast<AVSampleFormat>(frame.format), frame.sample_rate, 0, nullptr);
    resampler.reset(made);
    if (code >= 0) code = swr_init(made);
    if (code < 0) {
      resampler.reset();
      return Error("the sound cannot be resampled", code);
    }
    resampled_rate = frame.sample_rate;
    resampled_format = static_cast<AVSampleFormat>(frame.format);
    resampled_channels = frame.ch_layout.nb_channels;
    return absl::OkStatus();
  }

  absl::Status Resample() {
    if (absl::Status ready = PrepareResampler(); !ready.ok()) return ready;
    const int most = swr_get_out_samples(resampler.get(), decoded->nb_samples);
    if (most < 0) return Error("the sound cannot be resampled", most);
    Picture out(av_frame_alloc());
    out->format = encoder->sample_fmt;
    out->nb_samples = std::max(most, 1);
    av_channel_layout_copy(&out->ch_layout, &encoder->ch_layout);
    int code = av_frame_get_buffer(out.get(), 0);
    if (code >= 0) {
      code = swr_convert(resampler.get(), out->extended_data, most,
                         const_cast<const uint8_t**>(decoded->extended_data), decoded->nb_samples);
    }
    if (code > 0) {
      code = av_audio_fifo_write(fifo.get(), reinterpret_cast<void**>(out->extended_data), code);
    }
    return code < 0 ? Error("the sound cannot be resampled", code) : absl::OkStatus();
  }

  absl::Status Encode(std::vector<AudioUnit>& units) {
    while (av_audio_fifo_size(fifo.get()) >= encoder->frame_size) {
      Picture frame(av_frame_alloc());
      frame->format = encoder->sample_fmt;
      frame->nb_samples = encoder->frame_size;
      av_channel_layout_copy(&frame->ch_layout, &encoder->ch_layout);
      int code = av_frame_get_buffer(frame.get(), 0);
      if (code < 0) return Error("no memory for sound", code);
      av_audio_fifo_read(fifo.get(), reinterpret_cast<void**>(frame->extended_data),
                         encoder->frame_size);
      frame->pts = *head;
      *head += encoder->frame_size;
      code = avcodec_send_frame(encoder.get(), frame.get());
      if (code < 0) return Error("the sound cannot be encoded", code);
      while (avcodec_receive_packet(encoder.get(), packet.get()) >= 0) {
        if (packet->pts >= start) {
          const media::Bytes bytes(packet->data, static_cast<size_t>(packet->size));
          units.push_back(
              {Ns(packet->pts), media::Payload::FromVector({bytes.begin(), bytes.end()})});
        }
        av_packet_unref(packet.get());
      }
    }
    return absl::OkStatus();
  }
};

absl::StatusOr<std::unique_ptr<AudioTranscoder>> AudioTranscoder::Create(const Track& source) {
  // What is wrong is told by status, not on the terminal.
  av_log_set_level(AV_LOG_QUIET);
  auto codecs = std::make_unique<Codecs>();
  codecs->source = source;
  auto decoder = OpenDecoder(source);
  if (!decoder.ok()) return decoder.status();
  auto encoder = OpenEncoder(source);
  if (!encoder.ok()) return encoder.status();
  codecs->decoder = *std::move(decoder);
  codecs->encoder = *std::move(encoder);
  const AVCodecContext& made = *codecs->encoder;
  codecs->fifo.reset(
      av_audio_fifo_alloc(made.sample_fmt, made.ch_layout.nb_channels, made.frame_size * 4));
  if (codecs->fifo == nullptr || codecs->packet == nullptr || codecs->decoded == nullptr) {
    return absl::ResourceExhaustedError("no memory for sound");
  }
  Track& track = codecs->track;
  track.id = source.id;
  track.kind = media::TrackKind::kAudio;
  track.codec = Codec::kAac;
  track.config.assign(made.extradata, made.extradata + made.extradata_size);
  track.codec_string = "mp4a.40.2";
  track.sample_rate = static_cast<uint32_t>(made.sample_rate);
  track.channels = static_cast<uint32_t>(made.ch_layout.nb_channels);
  track.samples_per_frame = static_cast<uint32_t>(made.frame_size);
  track.language = source.language;
  track.label = source.label;
  track.is_default = source.is_default;
  return std::unique_ptr<AudioTranscoder>(new AudioTranscoder(std::move(codecs)));
}

AudioTranscoder::AudioTranscoder(std::unique_ptr<Codecs> codecs) : codecs_(std::move(codecs)) {}
AudioTranscoder::~AudioTranscoder() = default;

const Track& AudioTranscoder::source() const { return codecs_->source; }
const Track& AudioTranscoder::track() const { return codecs_->track; }

absl::Status AudioTranscoder::Take(int64_t dts_ns, media::Bytes unit,
                                   std::vector<AudioUnit>& units) {
  if (unit.empty() || unit.size() > kMaxUnit) {
    return absl::InvalidArgumentError(fmt::format("a unit of {} bytes", unit.size()));
  }
  Codecs& codecs = *codecs_;
  codecs.FollowClock(dts_ns);
  // A copy: decoders read beyond the end.
  if (const int code = av_new_packet(codecs.packet.get(), static_cast<int>(unit.size()));
      code < 0) {
    return Error("no memory for sound", code);
  }
  std::ranges::copy(unit, codecs.packet->data);
  const int code = avcodec_send_packet(codecs.decoder.get(), codecs.packet.get());
  av_packet_unref(codecs.packet.get());
  if (code < 0) return Error("the sound cannot be decoded", code);
  absl::Status status;
  while (status.ok() && avcodec_receive_frame(codecs.decoder.get(), codecs.decoded.get()) >= 0) {
    status = codecs.Resample();
    av_frame_unref(codecs.decoded.get());
  }
  return status.ok() ? codecs.Encode(units) : status;
}

}  // namespace millrace::transcode
