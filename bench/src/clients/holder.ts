import { benchToken } from '../targets/target.js';
import { RawSocket } from './raw-socket.js';

// A process that opens connections, each initialized and with one subscription, and holds them.

interface Hold {
  readonly url: string;
  readonly sockets: number;
  readonly first: number;
}

let sockets: RawSocket[] = [];

process.on('message', (message: Hold | 'drop' | 'end') => {
  if (message === 'end') process.disconnect();
  else if (message === 'drop') drop();
  else void hold(message);
});

async function hold({ url, sockets: count, first }: Hold): Promise<void> {
  for (let index = first; index < first + count; index++) {
    const socket = await RawSocket.open(url, `127.0.0.${2 + (index % 20)}`);
    await socket.request({ tag: 1, cmd: 'initialize', accessToken: benchToken(`u-${index}`) } as {
      tag: number;
    });
    const r = `/things/held-${index}`;
    await socket.request({ tag: 2, cmd: 'create', r, body: { n: 0 } } as { tag: number });
    await socket.request({ tag: 3, cmd: 'subscribe', body: { subscriptions: [{ r, rev: 1 }] } } as {
      tag: number;
    });
    sockets.push(socket);
  }
  process.send?.('held');
}

function drop(): void {
  for (const socket of sockets) socket.close();
  sockets = [];
  process.send?.('dropped');
}
