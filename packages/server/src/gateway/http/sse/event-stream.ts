import type { ServerResponse } from 'node:http';
import { type Auth, isJsonObject, type JsonObject } from '@really/protocol';
import type { Frame } from '../../../live/push/frame.js';
import type { PushTarget } from '../../../live/push-target.js';
import type { Timers } from '../../../platform/platform.js';
import type { TokenHolder } from '../../resume/active-tokens.js';
import { overflowFactor } from '../../websocket/egress.js';
import { recordOutput } from '../http-output.js';

export interface EventStreamOptions {
  readonly auth: Auth;
  readonly address?: string | undefined;
  readonly response: ServerResponse;
  /** Bytes that may wait before it is congested; at 8 times as many it is given up (rule LIM4). */
  readonly limit: number;
  readonly timers: Timers;
  /** It told all that it will; its client may have yet to read that. */
  readonly onEnd: (stream: EventStream) => void;
  /** What waited has gone out. */
  readonly onDrain: (stream: EventStream) => void;
}

/** Milliseconds that a client has to read the rest of a stream that ended (rule LIM35). */
const endGrace = 2000;

/** Pushes after which nothing comes any more: a stream has one subscription. */
const last = new Set<unknown>(['failed', 'deleted']);

/** One subscription, as server-sent events. */
export class EventStream implements PushTarget, TokenHolder {
  readonly auth: Auth;
  readonly address: string | undefined;
  readonly #options: Pick<EventStreamOptions, 'timers' | 'onEnd'>;
  readonly #response: ServerResponse;
  readonly #limit: number;
  /** While it opens nothing may be written: it may yet be refused. */
  #state: 'opening' | 'open' | 'ended' = 'opening';
  /** The view that the client knows of. */
  #view: unknown;

  constructor(options: EventStreamOptions) {
    const { auth, address, response, limit, onDrain: drained } = options;
    this.auth = auth;
    this.address = address;
    this.#options = options;
    this.#response = response;
    this.#limit = limit;
    response.on('drain', () => drained(this));
  }

  get congested(): boolean {
    return this.isEnded || this.#response.writableLength > this.#limit;
  }

  /** Nobody hears anything any more. */
  get isEnded(): boolean {
    return this.#state === 'ended';
  }

  get waitingBytes(): number {
    return this.#response.writableLength;
  }

  push({ text }: Frame): void {
    const message: unknown = JSON.parse(text);
    if (this.#state !== 'open' || !isJsonObject(message)) return;
    const { meta } = message;
    const { pos, view = this.#view } = isJsonObject(meta) ? meta : {};
    this.#view = view;
    this.#write(
      `event: ${String(message.evt)}\n${idLine(pos ?? revisionId(message.rev, view))}data: ${text}\n\n`,
    );
    if (last.has(message.evt)) this.end();
  }

  /**
   * The first sign of life. `view`: what is heard is heard under it. `pos`: where it begins. An id without data is no event, and yet what a browser names when it
   * comes back, so that who drops before the first push misses nothing.
   */
  begin({ pos, view }: { readonly pos: string | undefined; readonly view: unknown }): void {
    this.#state = 'open';
    this.#view = view;
    this.#write(`: \n${idLine(pos)}\n`);
  }

  /** What a read with `subscribe` answers. It has no id: who drops right after it asks anew. */
  writeItems(body: JsonObject): void {
    this.#write(`event: items\ndata: ${JSON.stringify(body)}\n\n`);
  }

  /** A sign of life. */
  comment(): void {
    this.#write(': \n\n');
  }

  onRevoked(): void {
    this.expire();
  }

  expire(): void {
    this.#write('event: token-expired\ndata: {"evt":"token-expired"}\n\n');
    this.end();
  }

  /** Of one that did not begin the response is left alone: something else is answered. */
  end(): void {
    const wasOpen = this.#state === 'open';
    this.#state = 'ended';
    if (!wasOpen) return;
    const response = this.#response;
    response.end();
    // Who does not read would keep it for ever.
    const cut = this.#options.timers.after(endGrace, () => response.destroy());
    response.once('close', () => cut.cancel());
    this.#options.onEnd(this);
  }

  #write(text: string): void {
    if (this.#state !== 'open') return;
    this.#response.write(text);
    recordOutput(this.#response);
    if (this.#response.writableLength <= this.#limit * overflowFactor) return;
    this.#state = 'ended';
    this.#response.destroy();
  }
}

/** Of an object: the revision, and the view that it was heard under (rule HTTP11). */
function revisionId(rev: unknown, view: unknown): string | undefined {
  return typeof rev === 'number' ? `${rev}.${String(view)}` : undefined;
}

/** What a client that comes back names as the last that it heard of an object; `undefined` where it is no such id. */
export function readRevisionId(id: string): { rev: number; view?: string } | undefined {
  const [, rev, view] = /^([1-9]\d{0,14})(?:\.([\w-]+))?$/.exec(id) ?? [];
  if (rev === undefined) return undefined;
  return { rev: Number(rev), ...(view !== undefined && { view }) };
}

function idLine(id: unknown): string {
  return typeof id === 'string' ? `id: ${id}\n` : '';
}
