import type { JsonObject, ListChange, ListQuery, LiveList } from '../really-client.js';
import type { WatchOwner } from './watch-owner.js';

/** A live list, and whether each of its callbacks fits to those before. */
export class WatchedList {
  readonly query: ListQuery;
  readonly live: LiveList<JsonObject>;
  readonly #client: WatchOwner;
  /** By R, the last revision that was received. */
  #members = new Map<string, number>();
  /** By R, the revision with which an object was in the list last, and the own causes that there were by then. */
  readonly #left = new Map<string, { readonly rev: number; readonly causes: number }>();
  #isClosed = false;
  #isLoaded = false;
  readonly trace: string[] = [];

  constructor(client: WatchOwner, r: string, query: ListQuery) {
    this.#client = client;
    this.query = query;
    const { really } = client;
    this.live = really.live(really.collection(r), query) as LiveList<JsonObject>;
    this.#read(this.live.value);
    this.live.subscribe((value, change) => this.#changed(value, change));
  }

  close(): void {
    this.live.close();
    this.#isClosed = true;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isSettled(): boolean {
    const { status, stale, pending } = this.live.getSnapshot();
    return status === 'live' && !stale && !pending;
  }

  #fail(why: string): void {
    const query = JSON.stringify(this.query);
    this.#client.fail(`list ${query}: ${why}\n  ${this.trace.slice(-12).join('\n  ')}`);
  }

  #changed(value: readonly JsonObject[] | undefined, change: ListChange): void {
    const items = value?.map(({ _r, _rev }) => `${String(_r).slice(-4)}@${_rev}`);
    this.trace.push(`${JSON.stringify(change)} ${this.live.status} ${items}`);
    if (this.#isClosed) this.#fail('a callback after close');
    if (value !== this.live.value) this.#fail('another value than live.value');
    if (change.kind === 'snapshot' || change.kind === 'reset') {
      if ((change.kind === 'snapshot') === this.#isLoaded) this.#fail('snapshot or reset?');
      this.#read(value);
    } else if (value === undefined) {
      this.#isLoaded = false;
      this.#members.clear();
      this.#left.clear();
    } else if ('r' in change) {
      this.#moved(change, value);
    }
    if (value) this.#compare(value);
  }

  #moved(change: Extract<ListChange, { r: string }>, value: readonly JsonObject[]): void {
    const { kind, r } = change;
    const known = this.#members.get(r);
    const rev = Number(value.find(({ _r }) => _r === r)?._rev ?? 0);
    if (kind === 'created' || kind === 'entered') {
      if (known !== undefined) this.#fail(`${r} is there already`);
      const last = this.#left.get(r);
      // In a window another object may push it out and let it in again.
      // An object that was new here had the revision 0 until the server had it as 1.
      const isLater = last === undefined || rev > Math.max(last.rev, 1);
      const isNew = isLater || last.causes < this.#client.causes(r);
      if (this.query.limit === undefined && !isNew) {
        this.#fail(`${r} came, went and came for one cause`);
      }
      this.#members.set(r, rev);
    } else if (known === undefined && this.#client.isPerhapsDeleted(r)) {
      // It was hidden by a deletion of this client that was not confirmed.
      if (kind !== 'left') this.#members.set(r, rev);
    } else if (known === undefined) {
      this.#fail(`${kind} of ${r}, which is not there`);
    } else if (kind === 'left') {
      this.#left.set(r, { rev: known, causes: this.#client.causes(r) });
      this.#members.delete(r);
    } else if (kind === 'updated') {
      if (rev > 0 && rev < known) this.#fail(`${r}: revision ${rev} after ${known}`);
      this.#members.set(r, Math.max(rev, known));
    }
  }

  #read(value: readonly JsonObject[] | undefined): void {
    this.#isLoaded = value !== undefined;
    this.#members = new Map((value ?? []).map(({ _r, _rev }) => [String(_r), Number(_rev)]));
    for (const r of this.#members.keys()) this.#left.delete(r);
  }

  /** The value has the members that the changes lead to, less those that are being deleted. */
  #compare(value: readonly JsonObject[]): void {
    const present = new Set(value.map(({ _r }) => String(_r)));
    if (present.size < value.length) this.#fail('an object twice');
    for (const r of present) if (!this.#members.has(r)) this.#fail(`${r} is not to be there`);
    for (const r of this.#members.keys()) {
      if (!present.has(r) && !this.#client.isPerhapsDeleted(r)) this.#fail(`${r} is missing`);
    }
    for (const { log = [] } of value) {
      const tags = log as string[];
      if (new Set(tags).size < tags.length) this.#fail(`drawn twice: ${tags}`);
    }
  }
}
