import { openSocket } from '../clients/open-socket.js';
import { clientFrame, type RawSocket } from '../clients/raw-socket.js';
import { percentile } from '../report.js';
import type { TargetServer } from '../targets/target.js';

export interface Writes {
  readonly cmd: 'create' | 'update';
  readonly connections: number;
  /** Requests that each connection keeps under way; 1 is sequential. */
  readonly inFlight: number;
  readonly total: number;
}

export interface WritesResult {
  readonly perSecond: number;
  /** Milliseconds from sending a request to its answer; only given for sequential connections. */
  readonly p50: number;
  readonly p99: number;
}

/** Durable writes per second. Each connection creates objects, or updates one of its own. */
export async function writes(target: TargetServer, options: Writes): Promise<WritesResult> {
  const sockets = await Promise.all(
    Array.from({ length: options.connections }, (_, index) => openWriter(target, index)),
  );
  await spend(sockets, { ...options, total: Math.ceil(options.total / 5) });
  const result = await spend(sockets, options);
  for (const socket of sockets) socket.close();
  return result;
}

async function openWriter(target: TargetServer, index: number): Promise<RawSocket> {
  const socket = await openSocket(target, `writer-${index}`);
  const r = `/things/own-${index}`;
  await socket.request({ tag: 2, cmd: 'create', r, body: { n: 0 } } as { tag: number });
  return socket;
}

function request({ cmd }: Writes, index: number): Buffer {
  return clientFrame(
    JSON.stringify(
      cmd === 'create'
        ? {
            tag: 5,
            cmd,
            r: '/things',
            body: { n: 1, text: 'a text of some length, as people write them' },
          }
        : {
            tag: 5,
            cmd,
            r: `/things/own-${index}`,
            rev: 1,
            body: { ops: [{ op: 'addNumber', key: 'n', value: 1 }] },
          },
    ),
  );
}

async function spend(sockets: readonly RawSocket[], options: Writes): Promise<WritesResult> {
  const latencies: number[] = [];
  const begun = performance.now();
  let left = options.total;
  await Promise.all(
    sockets.map(
      (socket, index) =>
        new Promise<void>((resolve) => {
          const frame = request(options, index);
          let under = 0;
          let sentAt = 0;
          const send = (count: number): void => {
            const more = Math.min(count, left);
            left -= more;
            under += more;
            sentAt = performance.now();
            if (more > 0) socket.sendMany(Buffer.concat(Array.from({ length: more }, () => frame)));
          };
          socket.onFrames = (count) => {
            under -= count;
            if (options.inFlight === 1) latencies.push(performance.now() - sentAt);
            send(count);
            if (under === 0) resolve();
          };
          send(options.inFlight);
          if (under === 0) resolve();
        }),
    ),
  );
  const seconds = (performance.now() - begun) / 1000;
  return {
    perSecond: options.total / seconds,
    p50: percentile(latencies, 50),
    p99: percentile(latencies, 99),
  };
}
