import type { JsonValue } from '@really/protocol';
import { FairQueue } from '../../platform/scheduling/fair-queue.js';
import { NextTick } from '../../platform/scheduling/next-tick.js';

/** A response below this fraction of a tick's bytes is small. */
const smallShare = 64;

/**
 * Limits the responses of an app that are serialized per tick of the event loop. Serializing a
 * large object takes a while; when many are asked for at once they are written in turns per owner,
 * and small responses go first.
 */
export class ResponseQuota {
  readonly #bytes: number;
  readonly #small: number;
  readonly #nextTick: NextTick;
  readonly #waiting = new FairQueue<() => number>();
  #left: number;
  #smallLeft: number;

  /** `bytes`: of large responses that are written per tick of the event loop. */
  constructor(bytes: number, schedule?: (task: () => void) => unknown) {
    this.#bytes = bytes;
    this.#small = bytes / smallShare;
    this.#left = bytes;
    this.#smallLeft = bytes;
    this.#nextTick = new NextTick(() => this.#next(), schedule);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** What `make` returns for this body: at once, or in a later tick. Rejects if `make` throws. */
  write(owner: string, body: JsonValue, make: () => string): string | Promise<string> {
    if (this.#left > 0 && this.#waiting.size === 0) return this.#taken(make());
    if (this.#smallLeft > 0 && isWithin(body, this.#small)) {
      const text = make();
      this.#smallLeft -= text.length;
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
      this.#nextTick.request();
    });
  }

  #taken(text: string): string {
    this.#left -= text.length;
    this.#nextTick.request();
    return text;
  }

  #next(): void {
    this.#left = this.#bytes;
    this.#smallLeft = this.#bytes;
    while (this.#left > 0) {
      const write = this.#waiting.shift();
      if (!write) return;
      this.#left -= write();
    }
    this.#nextTick.request();
  }
}

/** True if the value is about this many bytes or fewer. Stops counting at that size. */
export function isWithin(value: JsonValue, bytes: number): boolean {
  return remaining(value, bytes) >= 0;
}

/** What remains of `bytes` after this value; negative if it is larger. */
function remaining(value: JsonValue | undefined, bytes: number): number {
  if (typeof value === 'string') return bytes - 2 - value.length;
  if (typeof value !== 'object' || value === null) return bytes - 8;
  let rest = bytes - 2;
  if (Array.isArray(value)) {
    for (const element of value) {
      rest = remaining(element, rest);
      if (rest < 0) return rest;
    }
    return rest;
  }
  for (const name in value) {
    rest = remaining(value[name], rest - 4 - name.length);
    if (rest < 0) return rest;
  }
  return rest;
}
