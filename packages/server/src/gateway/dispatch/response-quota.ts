import type { JsonValue } from '@really/protocol';
import { FairQueue } from '../../platform/scheduling/fair-queue.js';

export interface ResponseQuotaOptions {
  /** Bytes of answers that are written out in one turn of the event loop, beside small ones. */
  readonly bytes: number;
  /** Calls back in the next turn. */
  readonly schedule?: ((task: () => void) => unknown) | undefined;
}

/** An answer below this part of a turn is small. */
const smallShare = 64;

/**
 * What the answers of an app may take of one turn of the event loop. Writing out a large object takes a while; where many are asked for
 * at once they are written in turns, one of each owner, and small answers go ahead of them.
 */
export class ResponseQuota {
  readonly #bytes: number;
  readonly #small: number;
  readonly #schedule: (task: () => void) => unknown;
  readonly #begin = () => this.#next();
  readonly #waiting = new FairQueue<() => number>();
  #pot: number;
  #smallPot: number;
  #scheduled = false;

  constructor({ bytes, schedule = setImmediate }: ResponseQuotaOptions) {
    this.#bytes = bytes;
    this.#small = bytes / smallShare;
    this.#pot = bytes;
    this.#smallPot = bytes;
    this.#schedule = schedule;
  }

  /** Answers that wait for one of the next turns. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** The text that `make` writes for this body: at once where the turn has room for it. Rejects where `make` throws. */
  write(owner: string, body: JsonValue, make: () => string): string | Promise<string> {
    if (this.#pot > 0 && this.#waiting.size === 0) return this.#taken(make());
    if (this.#smallPot > 0 && isWithin(body, this.#small)) {
      const text = make();
      this.#smallPot -= text.length;
      return text;
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push(owner, () => {
        try {
          const text = make();
          resolve(text);
          return text.length;
        } catch (error) {
          reject(error);
          return 0;
        }
      });
      this.#await();
    });
  }

  #taken(text: string): string {
    this.#pot -= text.length;
    this.#await();
    return text;
  }

  #await(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(this.#begin);
  }

  #next(): void {
    this.#scheduled = false;
    this.#pot = this.#bytes;
    this.#smallPot = this.#bytes;
    while (this.#pot > 0) {
      const write = this.#waiting.shift();
      if (!write) return;
      this.#pot -= write();
    }
    this.#await();
  }
}

/** Whether a value has about so many bytes at most. Looks at no more of it than that. */
export function isWithin(value: JsonValue, bytes: number): boolean {
  return left(value, bytes) >= 0;
}

/** What is left of so many bytes; less than 0 where it has more. */
function left(value: JsonValue | undefined, bytes: number): number {
  if (typeof value === 'string') return bytes - 2 - value.length;
  if (typeof value !== 'object' || value === null) return bytes - 8;
  let rest = bytes - 2;
  if (Array.isArray(value)) {
    for (const element of value) {
      rest = left(element, rest);
      if (rest < 0) return rest;
    }
    return rest;
  }
  for (const name in value) {
    rest = left(value[name], rest - 4 - name.length);
    if (rest < 0) return rest;
  }
  return rest;
}
