// Serves the page and the players to the browser, on a free port of the loopback interface.

import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const page = (name) => fileURLToPath(new URL(`page/${name}`, import.meta.url));
const files = {
  '/': [page('index.html'), 'text/html'],
  '/players.js': [page('players.js'), 'text/javascript'],
  '/picture.js': [page('picture.js'), 'text/javascript'],
  '/appends.js': [page('appends.js'), 'text/javascript'],
  '/mpegts.js': [require.resolve('mpegts.js/dist/mpegts.js'), 'text/javascript'],
  '/flv.js': [require.resolve('flv.js/dist/flv.min.js'), 'text/javascript'],
};

// Resolves to {url, close}.
export function servePage() {
  const server = createServer((request, response) => {
    const [file, type] = files[request.url] ?? [];
    response.writeHead(file ? 200 : 404, type ? { 'content-type': `${type}; charset=utf-8` } : {});
    if (file) createReadStream(file).pipe(response);
    else response.end();
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const close = () => {
        server.close();
        server.closeAllConnections();
      };
      resolve({ url: `http://127.0.0.1:${server.address().port}/`, close });
    });
  });
}
