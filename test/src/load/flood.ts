// A process of its own that floods a server: what it costs is not to be mistaken for what the server does.
// It sends as fast as the server reads, and waits for no answer.
import { request } from 'node:http';
import type { Socket } from 'node:net';

const [url = '', host = '', message = '{}', ...tokens] = process.argv.slice(2);

/** A client's text frame, under a mask of zeros. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const long = payload.length > 125;
  const head = Buffer.alloc(long ? 8 : 6);
  head[0] = 0x81;
  head[1] = 0x80 | (long ? 126 : payload.length);
  if (long) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

function open(): Promise<Socket> {
  const headers = {
    Host: host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
  };
  return new Promise((resolve, reject) => {
    request(url.replace(/^ws/, 'http'), { headers })
      .on('upgrade', (_response, socket) => resolve(socket))
      .on('error', reject)
      .end();
  });
}

const commands = Array.from({ length: 500 }, (_, tag) => {
  return frame(JSON.stringify({ ...JSON.parse(message), tag }));
});
const flood = Buffer.concat(commands);
let sent = 0;

async function run(accessToken: string): Promise<void> {
  const socket = await open();
  socket.resume();
  socket.write(frame(JSON.stringify({ tag: 1, cmd: 'initialize', accessToken })));
  const more = () => {
    sent += commands.length;
    socket.write(flood, more);
  };
  more();
}

await Promise.all(tokens.map(run));
setInterval(() => process.stdout.write(`${sent}\n`), 100);
