import type { ServerResponse } from 'node:http';
import type { Auth, JsonObject } from '@really/protocol';
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
  /** Bytes that may wait before it is congested; at 8 times as many it is ended (rule LIM4). */
  readonly limit: number;
  /** Bytes that may wait before pushes of rooms are left out (rule PRS7). */
  readonly roomOutput: number;
  readonly timers: Timers;
  /** The stream has ended; its client may still have to read the rest. */
  readonly onEnd: () => void;
  /** Charges bytes of objects that were read for it. */
  readonly charge: (bytes: number) => void;
}

/** Milliseconds that a client has to read the rest of a stream that ended (rule LIM35). */
const endGrace = 2000;

/** Final pushes: a stream has only one subscription. */
const last = new Set<string>(['failed', 'deleted']);

/** One subscription, as server-sent events. */
export class EventStream implements PushTarget, TokenHolder {
  readonly auth: Auth;
  readonly address: string | undefined;
  readonly #options: EventStreamOptions;
  readonly #response: ServerResponse;
  /** Nothing may be written while it opens: it may still be refused. */
  #state: 'opening' | 'open' | 'ended' = 'opening';
  /** The view that the client was sent last. */
  #view: unknown;

  constructor(options: EventStreamOptions) {
    this.auth = options.auth;
    this.address = options.address;
    this.#options = options;
    this.#response = options.response;
  }

  get congested(): boolean {
    return this.isEnded || this.waitingBytes > this.#options.limit;
  }

  /** It has one subscription, so nothing waits; the next stream does. */
  charge(bytes: number): undefined {
    this.#options.charge(bytes);
  }

  /** True once no more events are sent. */
  get isEnded(): boolean {
    return this.#state === 'ended';
  }

  get waitingBytes(): number {
    return this.#response.writableLength;
  }

  push({ text, head }: Frame): void {
    if (this.#state !== 'open' || !head) return;
    const { evt, rev, pos, view = this.#view } = head;
    this.#view = view;
    // For an object: the revision, and the view it was sent under (rule HTTP11).
    const id = pos ?? (rev === undefined ? undefined : `${rev}.${String(view)}`);
    this.#write(`event: ${evt}\n${idLine(id)}data: ${text}\n\n`);
    if (last.has(evt)) this.end();
  }

  pushEphemeral(frame: Frame, isLast = false): boolean {
    const isBehind = this.waitingBytes > this.#options.roomOutput;
    if (this.isEnded || (isBehind && !isLast)) return false;
    this.push(frame);
    return true;
  }

  /**
   * Starts the stream. `view`: the view of the events; `pos`: their starting position. An id
   * without data is not an event, but browsers send it when they reconnect, so that nothing is
   * missed if the connection drops before the first push.
   */
  begin({ pos, view }: { readonly pos: string | undefined; readonly view: unknown }): void {
    this.#state = 'open';
    this.#view = view;
    this.#write(`: \n${idLine(pos)}\n`);
  }

  /** Sends the result of a read, without an id: a client that drops right after it reads again. */
  writeItems(body: JsonObject): void {
    this.#write(`event: items\ndata: ${JSON.stringify(body)}\n\n`);
  }

  /** Keeps the connection alive. */
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

  /** Ends the stream. A response that has not begun is left for an error. */
  end(): void {
    const wasOpen = this.#state === 'open';
    this.#state = 'ended';
    if (!wasOpen) return;
    const response = this.#response;
    response.end();
    // A client that does not read would keep it open forever.
    const cut = this.#options.timers.after(endGrace, () => response.destroy());
    response.once('close', () => cut.cancel());
    this.#options.onEnd();
  }

  #write(text: string): void {
    if (this.#state !== 'open') return;
    this.#response.write(text);
    recordOutput(this.#response);
    if (this.waitingBytes <= this.#options.limit * overflowFactor) return;
    this.#state = 'ended';
    this.#response.destroy();
  }
}

/** Parses the revision id that a reconnecting client sends; `undefined` if it is not one. */
export function readRevisionId(id: string): { rev: number; view?: string } | undefined {
  const [, rev, view] = /^([1-9]\d{0,14})(?:\.([\w-]+))?$/.exec(id) ?? [];
  if (rev === undefined) return undefined;
  return { rev: Number(rev), ...(view !== undefined && { view }) };
}

function idLine(id: unknown): string {
  return typeof id === 'string' ? `id: ${id}\n` : '';
}
