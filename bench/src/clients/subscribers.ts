import type { FromClients, ToClients } from './messages.js';
import { RawSocket } from './raw-socket.js';

// A process that holds subscribers and counts what they are pushed.

const sockets: RawSocket[] = [];
let pushes = 0;
let expected = Number.POSITIVE_INFINITY;
let reported = 0;

/** Updates between two words of progress. */
const step = 128;

const report = (message: FromClients): void => {
  process.send?.(message);
};

function count(frames: number): void {
  pushes += frames;
  if (pushes - reported >= step * sockets.length) {
    reported = pushes;
    report({ kind: 'progress', pushes });
  }
  if (pushes < expected) return;
  expected = Number.POSITIVE_INFINITY;
  report({ kind: 'arrived' });
}

async function subscribe(url: string, token: string, r: string, index: number): Promise<void> {
  const socket = await RawSocket.open(url, `127.0.0.${2 + Math.floor(index / 500)}`);
  await socket.request({ tag: 1, cmd: 'initialize', accessToken: token } as { tag: number });
  await socket.request({
    tag: 2,
    cmd: 'subscribe',
    body: { subscriptions: [{ r, rev: 1 }] },
  } as { tag: number });
  socket.onFrames = count;
  sockets.push(socket);
}

process.on('message', (message: ToClients) => {
  void handle(message);
});

async function handle(message: ToClients): Promise<void> {
  switch (message.kind) {
    case 'subscribe':
      for (let index = 0; index < message.sockets; index++) {
        await subscribe(message.url, message.token, message.r, index);
      }
      report({ kind: 'subscribed' });
      break;
    case 'expect':
      pushes = 0;
      reported = 0;
      expected = message.pushes;
      report({ kind: 'expecting' });
      break;
    case 'end':
      for (const socket of sockets) socket.close();
      process.disconnect();
      break;
    default:
      message satisfies never;
  }
}
