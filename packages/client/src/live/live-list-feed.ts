import type { JsonObject } from '@really/protocol/client';
import type { ListQuery } from '../requests/list-query.js';
import { type CopyChange, copyInput } from '../store/copy-change.js';
import type { CopyStore } from '../store/copy-store.js';
import type { ObjectCopy } from '../store/object-copy.js';
import { withPlainReferences } from '../store/plain-references.js';
import type { WireMessage } from '../wire-message.js';
import type { ClientWrite } from '../writes/client-write.js';
import { Feed } from './feed.js';
import { compareItems } from './list-order.js';
import type { ListChange } from './live-snapshot.js';

export interface ListFeedOptions {
  readonly key: string;
  readonly r: string;
  readonly query: ListQuery;
  readonly store: CopyStore;
  /** A push was missed. */
  readonly onGap: () => void;
}

/** Makes the feeds of live lists: by default this one, `rql()` another. */
export type MakeList = (options: ListFeedOptions) => LiveListFeed;

interface ListMember {
  readonly copy: ObjectCopy;
  readonly end: () => void;
  /** What is to be said once there is something to show: what came is held back, as copies do. */
  arrival: 'created' | 'entered' | undefined;
}

/** One query that is subscribed to, on whatever session: the objects that it shows, in its order. */
export class LiveListFeed extends Feed<readonly JsonObject[], ListChange> {
  readonly key: string;
  readonly r: string;
  readonly query: ListQuery;
  /** The id of the subscription in the present session, or in the one to be resumed. */
  subscription: string | undefined;
  isRequested = false;
  /** It was refused while own writes were under way, and is to be asked for again when these are settled. */
  isAwaitingWrites = false;
  /** The last position that was heard, to go on from. */
  pos: string | undefined;
  protected readonly store: CopyStore;
  /** As the store names them. */
  protected readonly fields: string;
  /** By R, what the server says that is in it. */
  protected readonly members = new Map<string, ListMember>();
  protected isLoaded = false;
  readonly #onGap: () => void;
  readonly #compare: (a: JsonObject, b: JsonObject) => number;
  /** While a message is taken in: what its objects say is said once, by the list. */
  #isTaking = false;
  #items: readonly JsonObject[] | undefined;

  constructor({ key, r, query, store, onGap }: ListFeedOptions) {
    super();
    this.key = key;
    this.r = r;
    this.query = query;
    this.store = store;
    this.fields = query.fields ? [...query.fields].sort().join() : '';
    this.#onGap = onGap;
    this.#compare = compareItems(query);
  }

  get isPending(): boolean {
    for (const { copy } of this.members.values()) if (copy.isPending) return true;
    return false;
  }

  get value(): readonly JsonObject[] | undefined {
    if (!this.isLoaded) return undefined;
    this.#items ??= [...this.members.values()]
      .map(({ copy }) => copy.value)
      .filter((value) => value !== undefined)
      .sort(this.#compare);
    return this.#items;
  }

  /** A write of this client was drawn, or is not any longer. Lists that guess what it leads to override this. */
  wrote(_write: ClientWrite, _isDrawn: boolean): void {}

  end(): void {
    for (const r of [...this.members.keys()]) this.#remove(r);
  }

  /** The window as it is now, in place of what is known. */
  loaded(bodies: readonly JsonObject[]): void {
    const isFirst = !this.isLoaded;
    this.isLoaded = true;
    this.#take(() => {
      const present = new Set(bodies.map(({ _r }) => String(_r)));
      for (const r of [...this.members.keys()]) if (!present.has(r)) this.#remove(r);
      for (const body of bodies) this.#put(withPlainReferences(body), { isAnswer: true });
    });
    this.move('live', false);
    this.#changed({ kind: isFirst ? 'snapshot' : 'reset' });
  }

  /** What happened since the last position follows. */
  continued(): void {
    this.enter('live', false);
  }

  down(): void {
    this.isRequested = false;
    if (this.status === 'live') this.enter('live', true);
  }

  /** It was seen by another user. */
  forget(): void {
    this.end();
    this.isLoaded = false;
    this.pos = undefined;
    this.#items = undefined;
    this.enter('loading', true);
  }

  receive(message: WireMessage): void {
    const { evt, r = '', body = {}, meta = {} } = message;
    if (meta.pos !== undefined) this.pos = meta.pos;
    if (evt === 'updated') this.members.get(r)?.copy.receive(copyInput(message));
    else if (evt === 'left') {
      const isShown = this.members.get(r)?.arrival === undefined;
      this.#take(() => this.#remove(r));
      this.#changed(isShown ? { kind: 'left', r } : { kind: 'status' });
    } else {
      const kind = evt === 'snapshot' ? 'updated' : evt === 'created' ? 'created' : 'entered';
      const object = String(body._r);
      this.#take(() => this.#put(body, { once: meta.once }));
      const member = this.members.get(object);
      const isShown = member?.arrival === undefined;
      if (member && !isShown && kind === 'created') member.arrival = kind;
      this.#changed(isShown ? { kind, r: object, rev: Number(body._rev) } : { kind: 'status' });
    }
  }

  #put(value: JsonObject, from: { once?: string | undefined; isAnswer?: boolean }): void {
    const r = String(value._r);
    let member = this.members.get(r);
    if (!member) {
      const onChange = (change: CopyChange) => this.#memberChanged(r, change);
      member = { ...this.store.hold(r, this.fields, onChange, this.#onGap), arrival: 'entered' };
      this.members.set(r, member);
    }
    const { copy } = member;
    copy.receive({ kind: 'snapshot', rev: Number(value._rev), value, ...from });
    if (copy.rev !== undefined || copy.value) member.arrival = undefined;
  }

  #remove(r: string): void {
    this.members.get(r)?.end();
    this.members.delete(r);
  }

  #memberChanged(r: string, change: CopyChange): void {
    const member = this.members.get(r);
    this.#move(r, member?.copy.value);
    if (this.#isTaking) return;
    const arrival = member?.arrival;
    if (member && arrival) {
      if (member.copy.value) member.arrival = undefined;
      this.#changed(member.copy.value ? { kind: arrival, r } : { kind: 'status' });
    } else if (change.kind === 'local') this.emit({ kind: 'local', r });
    // A deleted object leaves the list by a push of its own.
    else this.emit({ kind: 'updated', r, rev: change.rev });
  }

  /** Puts an object that changed at its place: a long list is not sorted again for each change. */
  #move(r: string, value: JsonObject | undefined): void {
    const index = this.#items?.findIndex(({ _r }) => _r === r) ?? -1;
    const items = value && index >= 0 ? this.#items?.slice() : undefined;
    this.#items = items;
    if (!items || !value) return;
    items.splice(index, 1);
    let [start, end] = [0, items.length];
    while (start < end) {
      const middle = (start + end) >> 1;
      if (this.#compare(items[middle] as JsonObject, value) < 0) start = middle + 1;
      else end = middle;
    }
    items.splice(start, 0, value);
  }

  #take(run: () => void): void {
    this.#isTaking = true;
    run();
    this.#isTaking = false;
  }

  #changed(change: ListChange): void {
    this.#items = undefined;
    this.emit(change);
  }
}
