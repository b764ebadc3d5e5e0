import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromClients, ToClients } from '../clients/messages.js';
import { openSocket } from '../clients/open-socket.js';
import { clientFrame, type RawSocket } from '../clients/raw-socket.js';
import { benchToken, type TargetServer } from '../targets/target.js';

export interface FanOut {
  readonly subscribers: number;
  /** Updates that the writer keeps under way. */
  readonly inFlight: number;
  readonly updates: number;
}

/**
 * Updates that were answered but not pushed to all yet, at most: few enough that no server has to hold
 * back or leave out anything.
 */
const undelivered = 512;

/** Deliveries per second: one writer updates one object, everybody receives it. */
export async function fanOut(
  target: TargetServer,
  { subscribers, inFlight, updates }: FanOut,
): Promise<number> {
  const writer = await openWriter(target);
  const clients = fork(fileURLToPath(new URL('../clients/subscribers.js', import.meta.url)));
  try {
    await ask(
      clients,
      {
        kind: 'subscribe',
        url: target.socketUrl,
        token: benchToken('hearer'),
        sockets: subscribers,
        r: '/things/one',
      },
      'subscribed',
    );
    await run(writer, clients, { subscribers, inFlight, updates: Math.ceil(updates / 4) });
    const seconds = await run(writer, clients, { subscribers, inFlight, updates });
    return (updates * subscribers) / seconds;
  } finally {
    clients.send({ kind: 'end' } satisfies ToClients);
    writer.close();
  }
}

async function openWriter(target: TargetServer): Promise<RawSocket> {
  const writer = await openSocket(target, 'writer');
  await writer.request({ tag: 2, cmd: 'create', r: '/things/one', body: { n: 0 } } as {
    tag: number;
  });
  return writer;
}

const update = clientFrame(
  JSON.stringify({
    tag: 5,
    cmd: 'update',
    r: '/things/one',
    rev: 1,
    body: { ops: [{ op: 'addNumber', key: 'n', value: 1 }] },
  }),
);

async function run(
  writer: RawSocket,
  clients: ChildProcess,
  { subscribers, inFlight, updates }: FanOut,
): Promise<number> {
  await ask(clients, { kind: 'expect', pushes: updates * subscribers }, 'expecting');
  const arrived = said(clients, 'arrived');
  const begun = performance.now();
  let sent = 0;
  let delivered = 0;
  let owed = 0;
  const send = (count: number): void => {
    const more = Math.min(count + owed, updates - sent, undelivered - (sent - delivered));
    owed += count - more;
    sent += more;
    if (more > 0) writer.sendMany(Buffer.concat(Array.from({ length: more }, () => update)));
  };
  const progress = (message: unknown): void => {
    const said = message as FromClients;
    if (said.kind !== 'progress') return;
    delivered = Math.floor(said.pushes / subscribers);
    send(0);
  };
  clients.on('message', progress);
  writer.onFrames = send;
  send(inFlight);
  await arrived;
  clients.off('message', progress);
  return (performance.now() - begun) / 1000;
}

async function ask(
  clients: ChildProcess,
  message: ToClients,
  answer: FromClients['kind'],
): Promise<void> {
  const received = said(clients, answer);
  clients.send(message);
  await received;
}

function said(clients: ChildProcess, kind: FromClients['kind']): Promise<void> {
  return new Promise((resolve, reject) => {
    const listen = (message: unknown): void => {
      if ((message as FromClients).kind !== kind) return;
      clients.off('message', listen);
      resolve();
    };
    clients.on('message', listen);
    clients.once('exit', (code) => reject(new Error(`the subscribers ended with ${code}`)));
  });
}
