import { openSocket } from '../clients/open-socket.js';
import { clientFrame, type RawSocket } from '../clients/raw-socket.js';
import { processorTime } from '../targets/processor-time.js';
import type { TargetServer } from '../targets/target.js';

export interface LiveQueries {
  /** `equal`: `text = $v`; `range`: `n between $v`. Each query asks for another value. */
  readonly form: 'equal' | 'range';
  readonly queries: number;
}

/** Of one round. */
export interface LiveQueriesResult {
  /** Microseconds of the server's processors for a write that one query shows. */
  readonly cpu: number;
  readonly perSecond: number;
}

/** Queries that one connection watches. */
const perConnection = 10_000;
const inFlight = 16;
const r = '/things/watched';

/** So many queries that are watched on a server, one of which matches what is written beside them. */
export class WatchedQueries {
  readonly #target: TargetServer;
  readonly #writer: RawSocket;
  readonly #watchers: readonly RawSocket[];
  readonly #hearer: RawSocket;
  #received = 0;

  private constructor(
    target: TargetServer,
    writer: RawSocket,
    watchers: readonly RawSocket[],
    hearer: RawSocket,
  ) {
    this.#target = target;
    this.#writer = writer;
    this.#watchers = watchers;
    this.#hearer = hearer;
    hearer.onFrames = (count) => {
      this.#received += count;
    };
  }

  /** Subscribes to all of them, which takes long. */
  static async begin(
    target: TargetServer,
    { form, queries }: LiveQueries,
  ): Promise<WatchedQueries> {
    const writer = await openSocket(target, 'writer');
    const matching = Math.floor(queries / 2);
    const body = { n: matching * 10, text: textOf(matching) };
    await writer.request({ tag: 2, cmd: 'create', r, body } as { tag: number });
    const watchers: RawSocket[] = [];
    for (let from = 0; from < queries; from += perConnection) {
      const watcher = await openSocket(target, `watcher-${from}`);
      watchers.push(watcher);
      const to = Math.min(queries, from + perConnection);
      const frames = Array.from({ length: to - from }, (_, index) => watch(form, from + index));
      await sendAll(watcher, frames, frames.length);
    }
    const hearer = watchers[Math.floor(matching / perConnection)];
    if (!hearer) throw new Error('nobody watches');
    return new WatchedQueries(target, writer, watchers, hearer);
  }

  /** What a write costs. */
  async measure(writes: number): Promise<LiveQueriesResult> {
    this.#received = 0;
    const updates = Array.from({ length: writes }, (_, index) => add(index % 2 === 0 ? 1 : -1));
    const [before, begun] = [processorTime(this.#target.pid), performance.now()];
    await sendAll(this.#writer, updates, inFlight);
    const [cpu, seconds] = [
      processorTime(this.#target.pid) - before,
      (performance.now() - begun) / 1000,
    ];
    await this.#hearer.request({ tag: 9, cmd: 'ping' } as { tag: number });
    if (this.#received < writes)
      throw new Error(`${this.#received} of ${writes} writes were pushed`);
    return { cpu: cpu / writes, perSecond: writes / seconds };
  }

  close(): void {
    for (const socket of [this.#writer, ...this.#watchers]) socket.close();
  }
}

const textOf = (query: number) => `text-${query}`;

function watch(form: LiveQueries['form'], query: number): Buffer {
  const filter = form === 'equal' ? 'text = $v' : 'n between $v';
  const v = form === 'equal' ? textOf(query) : [query * 10, query * 10 + 9];
  const cmdOpts = { subscribe: true, limit: 10, query: { filter, values: { v } } };
  return clientFrame(JSON.stringify({ tag: 3, cmd: 'read', r: '/things', cmdOpts }));
}

function add(value: number): Buffer {
  const ops = [{ op: 'addNumber', key: 'n', value }];
  return clientFrame(JSON.stringify({ tag: 4, cmd: 'update', r, rev: 1, body: { ops } }));
}

/** Sends them, so many at a time, and waits for an answer to each. Throws where one is refused. */
async function sendAll(socket: RawSocket, frames: readonly Buffer[], width: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let sent = 0;
    let answered = 0;
    const send = (count: number) => {
      const some = frames.slice(sent, sent + count);
      sent += some.length;
      if (some.length > 0) socket.sendMany(Buffer.concat(some));
    };
    socket.onText = (text) => {
      if (text.includes('"error"')) reject(new Error(text));
    };
    socket.onFrames = (count) => {
      answered += count;
      if (answered >= frames.length) resolve();
      else send(count);
    };
    send(Math.min(width, 256));
  });
  socket.onText = undefined;
  socket.onFrames = undefined;
}
