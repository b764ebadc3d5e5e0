import '../live/mod.js';
import type { JsonObject } from '@really/protocol/client';
import type { LiveObject } from '../live-copy.js';
import { Observable } from '../observable.js';
import type { Really } from '../really.js';
import type { WriteHandle } from '../writes/client-write.js';

/** Milliseconds after a create has ended in which the list has the object, if it is to have it. */
const longestWait = 5_000;

/**
 * The objects that a client creates in one collection, from the write on until the list of a component has them. They are live copies, so what
 * happens to them meanwhile shows. Outside of React, as all copies are. Rule RCT7.
 */
export class OwnCreates {
  readonly #client: Really;
  readonly #collection: readonly string[];
  readonly #changes = new Observable<[]>();
  readonly #copies = new Map<string, LiveObject<JsonObject>>();
  /** Creates that were taken up: a list may have an object before its write is answered. */
  #known = new WeakSet<WriteHandle<unknown>>();
  #holders = 0;
  #snapshot: readonly JsonObject[] = [];
  #end = () => {};

  /** `r`: of the collection, `/users` or `/users/1/posts`. */
  constructor(client: Really, r: string) {
    this.#client = client;
    this.#collection = r.replace(/(\/\*)?$/, '/*').split('/');
  }

  /** The same list until it changes. */
  readonly getSnapshot = (): readonly JsonObject[] => this.#snapshot;

  readonly subscribe = (listener: () => void): (() => void) => {
    const end = this.#changes.subscribe(listener);
    this.#holders += 1;
    if (this.#holders === 1) {
      this.#end = this.#client.connection.subscribe(() => this.#look());
      this.#look();
    }
    return () => {
      end();
      this.#holders -= 1;
      if (this.#holders === 0) this.#stop();
    };
  };

  /** The list has these. */
  listed(rs: Iterable<string>): void {
    for (const r of rs) this.#drop(r);
  }

  /** Takes up what is new in the queue of writes. */
  #look(): void {
    for (const write of this.#client.writes) {
      if (this.#known.has(write)) continue;
      this.#known.add(write);
      for (const { cmd, r } of write.commands) {
        if (cmd === 'create' && this.#has(r)) this.#take(r, write);
      }
    }
  }

  #has(r: string): boolean {
    const steps = r.split('/');
    const fits = (step: string, at: number) => step === '*' || step === steps[at];
    return steps.length === this.#collection.length && this.#collection.every(fits);
  }

  #take(r: string, write: WriteHandle<unknown>): void {
    const copy = this.#client.object(r).live() as LiveObject<JsonObject>;
    this.#copies.set(r, copy);
    // Without a value it was refused, or deleted.
    copy.subscribe((value) => (value ? this.#changed() : this.#drop(r)));
    const dropLater = () => setTimeout(() => this.#drop(r), longestWait);
    write.committed.then(dropLater, dropLater);
    this.#changed();
  }

  #drop(r: string): void {
    const copy = this.#copies.get(r);
    if (!copy) return;
    this.#copies.delete(r);
    copy.close();
    this.#changed();
  }

  #changed(): void {
    const values = [...this.#copies.values()].map(({ value }) => value);
    this.#snapshot = values.filter((value) => value !== undefined);
    this.#changes.emit();
  }

  #stop(): void {
    this.#end();
    for (const copy of this.#copies.values()) copy.close();
    this.#copies.clear();
    this.#known = new WeakSet();
    this.#snapshot = [];
  }
}
