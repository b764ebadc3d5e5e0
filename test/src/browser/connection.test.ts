import { afterEach, beforeEach, expect, test, vi } from 'vitest';

/** The connection of the example and of `really init`, as a browser runs it. */
interface Connection extends EventTarget {
  readonly state: 'connecting' | 'live' | 'offline';
  run(): Promise<never>;
  request(message: object): Promise<unknown>;
  write(message: object): Promise<unknown>;
}

interface Message {
  readonly tag: number;
  readonly cmd: string;
}

const module = new URL('../../../examples/board/public/connection.js', import.meta.url);

/** A socket whose network can go silent: then nothing comes, and a close is never done. */
class FakeSocket {
  static readonly all: FakeSocket[] = [];
  readonly sent: Message[] = [];
  closed = false;
  silent = false;
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;

  constructor() {
    FakeSocket.all.push(this);
    queueMicrotask(() => this.onopen?.());
  }

  send(text: string): void {
    const message = JSON.parse(text) as Message;
    this.sent.push(message);
    const body = message.cmd === 'initialize' ? { user: { uid: 'u' } } : {};
    queueMicrotask(() => this.say({ tag: message.tag, body }));
  }

  say(message: object): void {
    if (!this.silent) this.onmessage?.({ data: JSON.stringify(message) });
  }

  close(): void {
    this.closed = true;
    if (!this.silent) this.onclose?.();
  }

  pings(): number {
    return this.sent.filter(({ cmd }) => cmd === 'ping').length;
  }
}

const page = new EventTarget();
let connection: Connection;

/** The newest socket. */
function socket(): FakeSocket {
  const last = FakeSocket.all.at(-1);
  if (!last) throw new Error('there is no socket');
  return last;
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(async () => {
  vi.useFakeTimers();
  FakeSocket.all.length = 0;
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.stubGlobal('location', { origin: 'http://127.0.0.1' });
  vi.stubGlobal('localStorage', { getItem: () => 'a token', removeItem: () => {} });
  vi.stubGlobal('document', page);
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  const { Connection: Class } = (await import(module.href)) as {
    Connection: new () => Connection;
  };
  connection = new Class();
  void connection.run();
  await pass(0);
  expect(connection.state).toBe('live');
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('[CLI13] a network that goes silent is noticed within 15 s, and the next socket is opened at once', async () => {
  await pass(60_000);
  expect([connection.state, FakeSocket.all.length]).toEqual(['live', 1]);
  const first = socket();
  first.silent = true;
  const states: string[] = [];
  connection.addEventListener('state', () => states.push(connection.state));
  const asked = connection.request({ cmd: 'get', r: '/x/1' });
  const refused = expect(asked).rejects.toThrow('offline');
  const written = connection.write({ cmd: 'create', r: '/x' });
  await pass(15_000);
  expect(first.closed).toBe(true);
  await refused;
  expect(states).toEqual(['offline', 'connecting', 'live']);
  expect(FakeSocket.all).toHaveLength(2);
  // The pending write happens once, and later messages of the dead socket are ignored.
  expect(await written).toMatchObject({ body: {} });
  first.silent = false;
  first.say({ evt: 'late' });
  first.onclose?.();
  await pass(15_000);
  expect([connection.state, FakeSocket.all.length]).toEqual(['live', 2]);
});

test.each(['online', 'visibilitychange'])(
  '[CLI13] after %s the socket has to show that it lives',
  async (event) => {
    const first = socket();
    page.dispatchEvent(new Event(event));
    expect(first.pings()).toBe(1);
    await pass(5000);
    expect(connection.state).toBe('live');
    first.silent = true;
    page.dispatchEvent(new Event(event));
    await pass(7500);
    expect([first.closed, socket() === first]).toEqual([true, false]);
  },
);

test('[CLI13] a socket that is not quite silent counts as alive, one that never opens as dead', async () => {
  const first = socket();
  for (let n = 0; n < 30; n++) {
    await pass(4000);
    first.say({ evt: 'updated', r: '/x/1' });
  }
  expect([first.pings(), FakeSocket.all.length]).toEqual([0, 1]);
  first.onclose?.();
  await pass(0);
  vi.stubGlobal(
    'WebSocket',
    class extends FakeSocket {
      override silent = true;
      override send(): void {}
    },
  );
  await pass(2000);
  const second = socket();
  expect(second).not.toBe(first);
  await pass(9000);
  expect(second.closed).toBe(true);
});
