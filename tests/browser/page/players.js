// The page: some players side by side, each observed by what a person would see of it.
//
// openPlayers([{library: "mpegts" | "flv", url}], {record}) starts them; report() tells how each has done so far.

import { recordAppends } from './appends.js';
import { look } from './picture.js';

// What is buffered before the picture moves, at first and after it has run dry, as a page for unsteady networks does.
const START_WITH_S = 1;
const DRY_S = 0.2;
const SAMPLE_MS = 100;

const PICTURE_MS = 40;  // how long each is shown

// How many pictures of each player the browser was too late to show: its compositor draws them, and this page's animation
// frames are at least as late as that. Where the machine does not let it run, it drops what it has had in time.
let latePictures = 0;

function watchAnimation(before) {
  requestAnimationFrame(() => {
    const now = performance.now();
    latePictures += Math.floor((now - before) / PICTURE_MS);
    watchAnimation(now);
  });
}
watchAnimation(performance.now());

const libraries = {
  mpegts: (source) => window.mpegts.createPlayer({ type: 'flv', isLive: true, ...source },
    { enableStashBuffer: false, autoCleanupSourceBuffer: true }),
  flv: (source) => window.flvjs.createPlayer({ type: 'flv', isLive: true, cors: true, ...source },
    { enableStashBuffer: false, autoCleanupSourceBuffer: true }),
};

class Watched {
  constructor({ library, url }, record) {
    this.library = library;
    this.url = url;
    this.video = document.createElement('video');
    this.video.muted = true;
    this.label = document.createElement('figcaption');
    const figure = document.createElement('figure');
    figure.append(this.video, this.label);
    document.body.append(figure);

    this.asked = false;  // to play
    this.errors = [];
    this.waits = 0;  // times that the picture stood still for want of data
    this.standstillMs = 0;  // the longest time that currentTime did not move
    this.seeks = 0;
    this.leastAhead = Infinity;  // the least that was buffered beyond the picture shown
    this.first = null;  // {wall, media, late} when it began to move
    this.moved = null;
    this.listen();
    this.timer = setInterval(() => this.sample(), SAMPLE_MS);

    this.player = libraries[library]({ url });
    this.player.on('error', (type, detail, more) => this.errors.push([type, detail, more?.msg].join(' ')));
    const start = () => {
      this.player.attachMediaElement(this.video);
      this.player.load();
    };
    if (record) this.appends = recordAppends(start);
    else start();
  }

  listen() {
    this.video.addEventListener('waiting', () => {
      if (!this.first) return;
      this.waits += 1;
      if (this.edge() - this.video.currentTime > DRY_S) return;  // a decoder that starts over
      this.video.pause();
      this.asked = false;
    });
    this.video.addEventListener('seeking', () => { if (this.first) this.seeks += 1; });
    this.video.addEventListener('error', () => this.errors.push(`media ${this.video.error.message}`));
  }

  edge() {
    const { buffered } = this.video;
    return buffered.length ? buffered.end(buffered.length - 1) : 0;
  }

  sample() {
    const now = performance.now();
    const media = this.video.currentTime;
    if (!this.asked && this.edge() - media >= START_WITH_S) {
      this.asked = true;
      this.video.play().catch((error) => this.errors.push(`play ${error.message}`));
    }
    if (!this.first) {
      if (this.asked && media > 0.2) {
        this.first = { wall: now, media, late: latePictures };
        this.moved = { wall: now, media };
        notify({ event: 'playing', player: watched.indexOf(this) });
      }
      return;
    }
    this.leastAhead = Math.min(this.leastAhead, this.edge() - media);
    if (media !== this.moved.media) this.moved = { wall: now, media };
    this.standstillMs = Math.max(this.standstillMs, now - this.moved.wall);
    this.label.textContent = `${this.library} ${new URL(this.url).protocol} ${media.toFixed(1)} s`;
  }

  report() {
    const quality = this.video.getVideoPlaybackQuality();
    const now = performance.now();
    const { video } = this;
    return {
      library: this.library, url: this.url, errors: this.errors, waits: this.waits, seeks: this.seeks,
      least_ahead_s: this.first ? this.leastAhead : null, late_pictures: this.first ? latePictures - this.first.late : 0,
      standstill_ms: Math.round(this.standstillMs), paused: video.paused, media_s: video.currentTime,
      buffered_from_s: video.buffered.length ? video.buffered.start(0) : 0, buffered_to_s: this.edge(),
      played_s: this.first ? video.currentTime - this.first.media : 0,
      wall_s: this.first ? (now - this.first.wall) / 1000 : 0,
      frames: quality.totalVideoFrames, dropped: quality.droppedVideoFrames, corrupted: quality.corruptedVideoFrames,
      width: video.videoWidth, height: video.videoHeight,
      audio_bytes: video.webkitAudioDecodedByteCount,
      picture: video.videoWidth ? look(video) : null,
      appends: this.appends?.() ?? null,
    };
  }
}

const watched = [];

function notify(event) {
  window.millraceEvent(JSON.stringify(event));
}

window.openPlayers = (players, { record }) => {
  for (const player of players) watched.push(new Watched(player, record));
};

window.report = () => watched.map((player) => player.report());
