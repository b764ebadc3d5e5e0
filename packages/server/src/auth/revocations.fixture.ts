import type { JsonObject } from '@really/protocol';
import type { Clock } from '../platform/platform.js';
import { type RevocationRecords, Revocations } from './revocations.js';

/** Records in memory; `fail` makes the next writes fail, `gate` makes them wait. */
export class MemoryRecords implements RevocationRecords {
  readonly held = new Map<string, JsonObject>();
  fail: Error | undefined;
  gate: Promise<void> | undefined;

  async put(r: string, update: (held: JsonObject | undefined) => JsonObject): Promise<void> {
    await this.gate;
    if (this.fail) throw this.fail;
    this.held.set(r, update(this.held.get(r)));
  }
}

export function revocationsInMemory(clock: Clock): Revocations {
  return new Revocations({ records: new MemoryRecords(), clock });
}
