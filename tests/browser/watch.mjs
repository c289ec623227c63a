#!/usr/bin/env node
// Plays streams in Chromium and tells how it went, driven like the other tools of the integration tests:
//
//   node watch.mjs [--record] LIBRARY:URL...      e.g. mpegts:http://127.0.0.1:8080/live/cam1.flv flv:ws://...
//
// All players are in one page. --record also reports every sample that they give to the browser's decoders.
// Standard output, a JSON object a line: {"event": "open"}, then {"event": "playing", "player": 0} for each whose picture
// moves, {"event": "console", "text": ...} for what goes wrong in the page. Standard input, a command a line:
//   snapshot           {"event": "snapshot", "players": [...]}
//   screenshot FILE    {"event": "screenshot"}
//   stop               {"event": "end", "players": [...]}, and exit; so does the end of standard input

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { chromium } from 'playwright-core';

import { servePage } from './server.mjs';

const FLAGS = [
  '--no-sandbox',  // tests run as root, too
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

function parse(argv) {
  const players = argv.filter((word) => !word.startsWith('--')).map((word) => {
    const [, library, url] = /^(mpegts|flv):(.+)$/.exec(word) ?? [];
    if (!url) throw new Error(`not LIBRARY:URL: ${word}`);
    return { library, url };
  });
  return { players, record: argv.includes('--record') };
}

async function open(profile, url, options) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.MILLRACE_CHROMIUM ?? '/usr/bin/chromium', args: FLAGS,
    env: { ...process.env, HOME: profile }, viewport: { width: 700, height: 650 },
  });
  const page = context.pages()[0] ?? await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') say({ event: 'console', text: message.text() });
  });
  page.on('pageerror', (error) => say({ event: 'console', text: String(error) }));
  await page.exposeFunction('millraceEvent', (line) => say(JSON.parse(line)));
  await page.goto(url);
  await page.evaluate(({ players, record }) => window.openPlayers(players, { record }), options);
  return { context, page };
}

async function obey(page) {
  const report = () => page.evaluate(() => window.report());
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, argument] = line.split(' ');
    if (command === 'snapshot') say({ event: 'snapshot', players: await report() });
    if (command === 'screenshot') {
      await page.screenshot({ path: argument });
      say({ event: 'screenshot' });
    }
    if (command === 'stop') break;
  }
  say({ event: 'end', players: await report() });
}

const options = parse(process.argv.slice(2));
const profile = await mkdtemp(join(tmpdir(), 'millrace-browser-'));
const server = await servePage();
try {
  const { context, page } = await open(profile, server.url, options);
  say({ event: 'open' });
  await obey(page);
  await context.close();
} finally {
  server.close();
  process.stdin.destroy();
  await rm(profile, { recursive: true, force: true });
}
