import type { ServerResponse } from 'node:http';
import { fail, type JsonValue } from '@really/protocol';
import { estimateBytes } from '../../objects/estimate-bytes.js';
import type { Platform } from '../../platform/platform.js';
import { type CommandPayer, OwnerQueues } from './owner-queues.js';
import { ResponseQuota } from './response-quota.js';

/** Emits `close` when the client has disconnected, or the response is over. */
export type ClosableResponse = Pick<ServerResponse, 'once' | 'off' | 'destroyed'>;

/** `get` and `join` commands of an owner at a time: responses may be large. Pages: rule LIM7. */
const getsAtOnce = 32;

/** Below this many bytes all is free: the number is limited by the rate of commands. */
const freeBytes = 4096;

/** Price of a byte read or written, relative to a byte received: writing is cheaper than parsing. */
const share = 1 / 2;

/** The price of a response, or of an object that is read for subscriptions, in bytes received. */
export function priceOf(bytes: number): number {
  return bytes < freeBytes ? 0 : bytes * share;
}

/**
 * Responses that contain objects may be far larger than their requests. They are charged like input
 * and written fairly over several ticks (rule LIM37).
 */
export class PricedResponses {
  /** By command. */
  readonly #queues: ReadonlyMap<string, OwnerQueues>;
  readonly #quota: ResponseQuota;

  /** `tickBytes`: of responses, per tick of the event loop. */
  constructor(tickBytes: number, platform: Pick<Platform, 'clock' | 'timers'>) {
    const queues = (most: number) => new OwnerQueues(most, platform);
    this.#queues = new Map([
      ['get', queues(getsAtOnce)],
      ['join', queues(getsAtOnce)],
      ['read', queues(Number.POSITIVE_INFINITY)],
      ['history', queues(Number.POSITIVE_INFINITY)],
    ]);
    this.#quota = new ResponseQuota(tickBytes);
  }

  /** Responses waiting for a later tick. */
  get waiting(): number {
    return this.#quota.waiting;
  }

  /** Commands that wait for their turn or until a debt is paid. */
  get queued(): number {
    let queued = 0;
    for (const queues of this.#queues.values()) queued += queues.waiting;
    return queued;
  }

  /** As `OwnerQueues.begin`, for a command whose response is priced. */
  begin(cmd: string, by: CommandPayer, start: () => void): () => boolean {
    const queues = this.#queues.get(cmd);
    if (!queues) throw new Error(`the response to ${cmd} has no price`);
    return queues.begin(by, start);
  }

  ended(cmd: string, owner: string): void {
    this.#queues.get(cmd)?.ended(owner);
  }

  /** Runs `work` in its owner's turn. Rejects with 503 if `response` is closed before that. */
  async run<T>(
    cmd: string,
    { by, response }: { readonly by: CommandPayer; readonly response: ClosableResponse },
    work: () => Promise<T>,
  ): Promise<T> {
    const queues = this.#queues.get(cmd);
    if (!queues) return await work();
    await this.#turn(queues, by, response);
    try {
      return await work();
    } finally {
      queues.ended(by.owner);
    }
  }

  async #turn(queues: OwnerQueues, by: CommandPayer, response: ClosableResponse): Promise<void> {
    if (response.destroyed) throw fail('server.unavailable');
    let forget = () => {};
    const turn = new Promise<void>((resolve, reject) => {
      const remove = queues.begin(by, resolve);
      forget = () => {
        if (remove()) reject(fail('server.unavailable'));
      };
    });
    response.once('close', forget);
    try {
      await turn;
    } finally {
      response.off('close', forget);
    }
  }

  /** True if the response may be far larger than the request. */
  isPriced(cmd: string): boolean {
    return this.#queues.has(cmd);
  }

  /**
   * The text of a response, written when the tick's quota allows it and paid for when this
   * resolves. Rejects if `make` throws. If `make` returns `undefined`, nobody takes the response
   * any more: what was read for it is paid for all the same.
   */
  async write(
    body: JsonValue,
    { owner, payer }: Pick<CommandPayer, 'owner' | 'payer'>,
    make: () => string | undefined,
  ): Promise<string> {
    return await this.#quota.write(owner, body, () => {
      const text = make();
      const price = priceOf(text?.length ?? estimateBytes(body));
      if (price > 0) payer.pay(price);
      return text ?? '';
    });
  }
}
