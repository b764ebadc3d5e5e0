import type { JsonValue } from '@really/protocol';
import type { Platform } from '../../platform/platform.js';
import { OwnerQueues, type Payer } from './owner-queues.js';
import { ResponseQuota } from './response-quota.js';

export interface PricedResponsesOptions {
  /** Bytes of responses per tick of the event loop. */
  readonly tickBytes: number;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
}

/** The owner that a response is queued under, and its payer. */
export interface ResponseRequester {
  readonly owner: string;
  readonly payer: Payer;
}

/**
 * `get` and `join` commands that run at a time per owner: each response may be large. Commands that read
 * pages have their own limit (rule LIM7).
 */
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

  constructor({ tickBytes, platform }: PricedResponsesOptions) {
    const queues = (most: number) => new OwnerQueues({ most, ...platform });
    this.#queues = new Map([
      ['get', queues(getsAtOnce)],
      ['join', queues(getsAtOnce)],
      ['read', queues(Number.POSITIVE_INFINITY)],
      ['history', queues(Number.POSITIVE_INFINITY)],
    ]);
    this.#quota = new ResponseQuota({ bytes: tickBytes });
  }

  /** Responses waiting for a later tick. */
  get waiting(): number {
    return this.#quota.waiting;
  }

  /** Starts a command, now or later. Each start needs a call to `ended`. */
  begin(cmd: string, owner: string, payer: Payer, start: () => void): void {
    const queues = this.#queues.get(cmd);
    if (queues) queues.begin(owner, payer, start);
    else start();
  }

  ended(cmd: string, owner: string): void {
    this.#queues.get(cmd)?.ended(owner);
  }

  /** Runs `work` when the owner's queue allows it. */
  async run<T>(
    cmd: string,
    { owner, payer }: ResponseRequester,
    work: () => Promise<T>,
  ): Promise<T> {
    if (!this.isPriced(cmd)) return await work();
    await new Promise<void>((resolve) => this.begin(cmd, owner, payer, resolve));
    try {
      return await work();
    } finally {
      this.ended(cmd, owner);
    }
  }

  /** True if the response may be far larger than the request. */
  isPriced(cmd: string): boolean {
    return this.#queues.has(cmd);
  }

  /**
   * The text of a response, written when the tick's quota allows it and paid for when this
   * resolves. Rejects if `make` throws.
   */
  async write(
    body: JsonValue,
    { owner, payer }: ResponseRequester,
    make: () => string,
  ): Promise<string> {
    return await this.#quota.write(owner, body, () => {
      const text = make();
      const price = priceOf(text.length);
      if (price > 0) payer.pay(price);
      return text;
    });
  }
}
