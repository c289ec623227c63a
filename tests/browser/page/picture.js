// What is to be seen in a <video>: whether there is a picture, and the clock in it.

const CLOCK_BITS = 16;
const CLOCK_SQUARE = 16;  // pixels
const CLOCK_TICK_MS = 20;

// {mean, deviation} of its brightness (0 to 255), {clock_ms}: what the squares along its upper edge say, the lowest bit
// first, which the publisher has painted there; and the time by this machine's clock when that was on the screen.
export function look(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(video, 0, 0);
  const seen_at_ms = Date.now();
  const { data, width } = context.getImageData(0, 0, canvas.width, canvas.height);
  const brightness = (at) => 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
  let sum = 0;
  let squares = 0;
  for (let at = 0; at < data.length; at += 4) {
    const value = brightness(at);
    sum += value;
    squares += value * value;
  }
  const mean = sum / (data.length / 4);
  const deviation = Math.sqrt(squares / (data.length / 4) - mean * mean);
  let ticks = 0;
  for (let bit = 0; bit < CLOCK_BITS; ++bit) {
    const at = 4 * (width * CLOCK_SQUARE / 2 + bit * CLOCK_SQUARE + CLOCK_SQUARE / 2);
    if (brightness(at) > 128) ticks += 2 ** bit;
  }
  return { mean, deviation, clock_ms: ticks * CLOCK_TICK_MS, seen_at_ms };
}
