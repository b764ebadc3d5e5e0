/** The part of a WebSocket that the client uses: that of browsers, of Node.js 22 and of `ws`. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export type WebSocketConstructor = new (url: string) => WebSocketLike;

/** What the client takes from its surroundings. Tests replace it. */
export interface ClientPlatform {
  readonly WebSocket: WebSocketConstructor;
  /** Wall clock, in milliseconds since 1970. It may jump. */
  now(): number;
  /** Milliseconds of a clock that never steps back, and may stand still while the device sleeps. */
  elapsed(): number;
  /** From 0 to below 1: for jitter. */
  random(): number;
  /** Unguessable bytes: for ids. */
  randomBytes(length: number): Uint8Array;
  /** Runs a function once; returns what cancels it. */
  setTimer(milliseconds: number, run: () => void): () => void;
  /**
   * Why the server does not take this socket and never will: what it answers to a plain GET with 400 or
   * 404. `undefined` where it takes it, or is not there. Never rejects.
   */
  refusal(url: string): Promise<string | undefined>;
  /** Calls `wake` when the device may be back: online, page shown. Returns what stops it. */
  onWake(wake: () => void): () => void;
  /** Tells the developer of a mistake. */
  warn(text: string): void;
}

/** Longer timers overflow in every engine: they would fire at once. */
const longestTimer = 2 ** 30;

/** The surroundings of this page, worker or process. */
export function clientPlatform(replaced: Partial<ClientPlatform> = {}): ClientPlatform {
  return {
    WebSocket: globalThis.WebSocket as unknown as WebSocketConstructor,
    now: () => Date.now(),
    elapsed: () => performance.now(),
    random: () => Math.random(),
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    setTimer,
    refusal,
    onWake,
    // biome-ignore lint/suspicious/noConsole: the developer looks there
    warn: (text) => console.warn(text),
    ...replaced,
  };
}

/** The same, without timers from `close` on. */
export function untilClosed(platform: ClientPlatform): [ClientPlatform, close: () => void] {
  const timers = new Set<() => void>();
  let isClosed = false;
  const setTimer = (milliseconds: number, run: () => void) => {
    if (isClosed) return () => {};
    const end = platform.setTimer(milliseconds, () => {
      timers.delete(cancel);
      run();
    });
    const cancel = () => {
      timers.delete(cancel);
      end();
    };
    timers.add(cancel);
    return cancel;
  };
  const close = () => {
    isClosed = true;
    for (const cancel of timers) cancel();
  };
  return [{ ...platform, setTimer }, close];
}

function setTimer(milliseconds: number, run: () => void): () => void {
  let isCancelled = false;
  const fire = () => {
    if (!isCancelled) run();
  };
  const timer = setTimeout(
    () => (globalThis.document?.hidden ? outsideOfTimers(fire) : fire()),
    Math.min(Math.max(milliseconds, 0), longestTimer),
  );
  return () => {
    isCancelled = true;
    clearTimeout(timer);
  };
}

/**
 * Runs a function soon, in a task that is not that of a timer. In a page that nobody sees Chromium holds back timers
 * that were set by timers, which were set by timers, by up to a minute; all others by a second at most.
 */
function outsideOfTimers(run: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    run();
  };
  port2.postMessage(undefined);
}

async function refusal(url: string): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(5_000);
    const response = await fetch(url.replace('ws', 'http'), { signal, cache: 'no-store' });
    if (response.status !== 400 && response.status !== 404) return undefined;
    // Of a proxy on the way it is no JSON.
    const { reason } = (await response.json()) as { reason?: unknown };
    return typeof reason === 'string' ? reason : undefined;
  } catch {
    return undefined;
  }
}

function onWake(wake: () => void): () => void {
  const page = globalThis.document as Document | undefined;
  const whenVisible = () => {
    if (page?.visibilityState === 'visible') wake();
  };
  // Workers have no document, and Node.js has no such events at all.
  const events: [EventTarget | undefined, string, () => void][] = [
    [globalThis as unknown as EventTarget, 'online', wake],
    [globalThis as unknown as EventTarget, 'pageshow', wake],
    [page, 'visibilitychange', whenVisible],
  ];
  for (const [target, name, listener] of events) target?.addEventListener?.(name, listener);
  return () => {
    for (const [target, name, listener] of events) target?.removeEventListener?.(name, listener);
  };
}
