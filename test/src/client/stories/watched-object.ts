import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, LiveObject, ObjectChange } from '../really-client.js';
import type { WatchOwner } from './watch-owner.js';

/** A live copy, and whether each of its callbacks fits to those before. */
export class WatchedObject {
  readonly r: string;
  readonly live: LiveObject<JsonObject>;
  readonly #client: WatchOwner;
  #rev: number | undefined;
  /** A list had it before, hidden by a deletion of this client: at which revision is not shown. */
  #isHidden: boolean;
  #isDeleted = false;
  #isClosed = false;
  #log: readonly string[] = [];
  #last: unknown;
  readonly trace: string[] = [];

  constructor(client: WatchOwner, r: string) {
    this.#client = client;
    this.r = r;
    this.live = client.really.live(client.really.object(r)) as LiveObject<JsonObject>;
    this.#rev = Number(this.live.value?._rev ?? 0) || undefined;
    this.#isHidden = this.live.status !== 'loading' && this.live.value === undefined;
    this.#log = logOf(this.live.value);
    this.#last = this.live.value;
    this.live.subscribe((value, change) => this.#changed(value, change));
  }

  close(): void {
    this.live.close();
    this.#isClosed = true;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Up to date, with nothing of its own that is not confirmed. */
  get isSettled(): boolean {
    const { status, stale, pending } = this.live.getSnapshot();
    return !pending && (status === 'failed' || !stale);
  }

  #fail(why: string): void {
    this.#client.fail(`object ${this.r}: ${why}\n  ${this.trace.slice(-12).join('\n  ')}`);
  }

  #changed(value: JsonObject | undefined, change: ObjectChange): void {
    const rev = 'rev' in change ? change.rev : '';
    this.trace.push(`${change.kind} ${rev} ${this.live.status} ${JSON.stringify(value)}`);
    if (this.#isClosed) this.#fail('a callback after close');
    if (value !== this.live.value) this.#fail('another value than live.value');
    if (this.live.status === 'loading') this.#rev = undefined;
    else this.#checkRevision(change);
    if (this.#isHidden && value) {
      this.#rev = Number(value._rev);
      this.#isHidden = false;
    }
    if (value && !('rev' in change && change.kind === 'deleted')) {
      const known = this.#rev ?? 0;
      if (value._rev !== known) this.#fail(`_rev ${value._rev} in place of ${known}`);
    }
    this.#checkLog(value);
    if (change.kind === 'reset' && value && isDeepStrictEqual(value, this.#last)) {
      this.#fail('a reset that changes nothing');
    }
    this.#last = value;
  }

  #checkRevision(change: ObjectChange): void {
    if (change.kind === 'local' || change.kind === 'status') return;
    if (this.#isDeleted && this.#rev !== undefined) this.#fail('a revision of a deleted object');
    const before = this.#rev;
    const { kind, rev } = change;
    if (kind === 'snapshot' && before !== undefined) this.#fail('a second snapshot');
    if (kind === 'updated' && rev !== (before ?? 0) + 1 && !this.#isHidden)
      this.#fail(`revision ${rev} after ${before}`);
    this.#isHidden = false;
    if (rev < (before ?? 0)) this.#fail(`revision ${rev} after ${before}`);
    this.#rev = rev;
    if (kind === 'deleted') this.#isDeleted = true;
  }

  /** What was seen once stays, and nothing is there twice. */
  #checkLog(value: JsonObject | undefined): void {
    if (!value) {
      this.#log = [];
      return;
    }
    const log = logOf(value);
    if (new Set(log).size < log.length) this.#fail(`drawn twice: ${log}`);
    for (const tag of this.#log) {
      if (!log.includes(tag) && !this.#client.isTakenBack(tag)) this.#fail(`${tag} has vanished`);
    }
    for (const tag of this.#client.shownTags(this.r)) {
      if (!log.includes(tag)) this.#fail(`${tag} is not shown`);
    }
    this.#log = log;
  }
}

export function logOf(value: JsonObject | undefined): string[] {
  return (value?.log ?? []) as string[];
}
