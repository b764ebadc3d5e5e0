import type { JsonValue } from '@really/protocol';
import type { Platform } from '../../platform/platform.js';
import { OwnerQueues, type Payer } from './owner-queues.js';
import { ResponseQuota } from './response-quota.js';

export interface PricedResponsesOptions {
  /** Bytes of answers in one turn of the event loop. */
  readonly turnBytes: number;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
}

/** Whose turn an answer takes, and who pays for it. */
export interface ResponseAsker {
  readonly owner: string;
  readonly payer: Payer;
}

/** Commands of one owner that get an object at a time: each may be a megabyte. Those that read pages have slots of their own (rule LIM7). */
const getsAtOnce = 32;

/** Bytes of an answer from which on it is paid for: how many smaller ones there are is bounded by how many commands may come. */
const worthPaying = 4096;

/** What an answer costs in the rates of bytes: writing out is cheaper than taking in. */
const share = 1 / 2;

/** What is answered with objects, which may be far more than what was asked: priced as what comes in is, and in turns (rule LIM37). */
export class PricedResponses {
  /** By command. */
  readonly #lines: ReadonlyMap<string, OwnerQueues>;
  readonly #turn: ResponseQuota;

  constructor({ turnBytes, platform }: PricedResponsesOptions) {
    const lines = (most: number) => new OwnerQueues({ most, ...platform });
    this.#lines = new Map([
      ['get', lines(getsAtOnce)],
      ['read', lines(Number.POSITIVE_INFINITY)],
    ]);
    this.#turn = new ResponseQuota({ bytes: turnBytes });
  }

  /** Answers that wait for their turn. */
  get waiting(): number {
    return this.#turn.waiting;
  }

  /** Starts a command, now or later. Whoever was started owes an `ended`. */
  begin(cmd: string, owner: string, payer: Payer, start: () => void): void {
    const lines = this.#lines.get(cmd);
    if (lines) lines.begin(owner, payer, start);
    else start();
  }

  ended(cmd: string, owner: string): void {
    this.#lines.get(cmd)?.ended(owner);
  }

  /** Does `work` when it may begin. */
  async run<T>(cmd: string, { owner, payer }: ResponseAsker, work: () => Promise<T>): Promise<T> {
    if (!this.isPriced(cmd)) return await work();
    await new Promise<void>((resolve) => this.begin(cmd, owner, payer, resolve));
    try {
      return await work();
    } finally {
      this.ended(cmd, owner);
    }
  }

  /** Whether an answer to this command may be much more than what was asked. */
  isPriced(cmd: string): boolean {
    return this.#lines.has(cmd);
  }

  /** The text of an answer, once it is its turn; paid for when this resolves. Rejects where `make` throws. */
  async write(
    body: JsonValue,
    { owner, payer }: ResponseAsker,
    make: () => string,
  ): Promise<string> {
    return await this.#turn.write(owner, body, () => {
      const text = make();
      if (text.length >= worthPaying) payer.pay(text.length * share);
      return text;
    });
  }
}
