import type { AddressInfo, Socket } from 'node:net';
import Database from 'better-sqlite3';
import { type WebSocket, WebSocketServer } from 'ws';

// The floor: a loop without rights, validation, history or replay. What came in one turn of the
// event loop is written in one durable transaction, then answered and broadcast.

const [file = ':memory:', mode = 'bare loop, ws.send'] = process.argv.slice(2);
const shares = mode === 'bare loop, shared frames';

const database = new Database(file);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.exec('create table objects (r text primary key, rev integer, data text)');
const upsert = database.prepare(
  'insert into objects values (?, 1, ?) on conflict (r) do update set rev = rev + 1, data = excluded.data',
);

interface Request {
  tag: number;
  cmd: string;
  r?: string;
  body?: unknown;
}

const subscribers = new Set<WebSocket>();
let waiting: { from: WebSocket; request: Request }[] = [];
let rev = 1;
let made = 0;

function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head =
    payload.length < 126 ? Buffer.from([0x81, payload.length]) : Buffer.from([0x81, 126, 0, 0]);
  if (payload.length >= 126) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

const rawSocket = (socket: WebSocket): Socket => (socket as unknown as { _socket: Socket })._socket;

function flush(): void {
  const batch = waiting;
  waiting = [];
  database.transaction(() => {
    for (const { request } of batch) {
      upsert.run(
        request.r === '/things' ? `/things/${++made}` : request.r,
        JSON.stringify(request.body),
      );
    }
  })();
  const answers = new Map<WebSocket, Buffer[]>();
  for (const { from, request } of batch) {
    const list = answers.get(from) ?? [];
    list.push(frame(`{"tag":${request.tag},"r":"${request.r}","rev":${rev}}`));
    answers.set(from, list);
  }
  for (const [socket, frames] of answers) rawSocket(socket).write(Buffer.concat(frames));
  broadcast(batch.filter(({ request }) => request.cmd === 'update').length);
}

function broadcast(updates: number): void {
  if (updates === 0 || subscribers.size === 0) return;
  const texts = Array.from(
    { length: updates },
    () =>
      `{"evt":"updated","r":"/things/one","rev":${++rev},"meta":{"opBy":{"uid":"writer"}},"body":{"n":{"op":"addNumber","opValue":1,"value":${rev}}}}`,
  );
  if (shares) {
    const bytes = Buffer.concat(texts.map(frame));
    for (const socket of subscribers) rawSocket(socket).write(bytes);
  } else {
    for (const text of texts) for (const socket of subscribers) socket.send(text);
  }
}

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('close', () => subscribers.delete(socket));
  socket.on('message', (data) => {
    const request = JSON.parse(data.toString()) as Request;
    if (request.cmd === 'update' || request.cmd === 'create') {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ from: socket, request });
      return;
    }
    if (request.cmd === 'subscribe') subscribers.add(socket);
    socket.send(`{"tag":${request.tag},"body":{}}`);
  });
});
server.on('listening', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
