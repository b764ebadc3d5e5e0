import type { JsonObject } from '@really/protocol/client';
import { type Predicate, valueAtPath } from '@really/protocol/rql';
import { compareItems } from '../live/list-order.js';
import { type ListFeedOptions, LiveListFeed } from '../live/live-list-feed.js';
import type { ListChange } from '../live/live-snapshot.js';
import type { CopyChange } from '../store/copy-change.js';
import type { ObjectCopy } from '../store/object-copy.js';
import type { WireMessage } from '../wire-message.js';
import type { ClientWrite } from '../writes/client-write.js';
import { Guesses } from './guesses.js';
import { decidingFields } from './local-filter.js';

/** What a query without a limit finds at most. */
const defaultLimit = 200;

/**
 * A live list that evaluates its filter for objects that this client writes to, from the write until the server has
 * told the list of it. All others are in the list because the server says so. Rule TSC15.
 */
export class OptimisticListFeed extends LiveListFeed {
  readonly #matches: Predicate;
  readonly #deciding: readonly string[];
  readonly #compare: ReturnType<typeof compareItems>;
  readonly #limit: number;
  readonly #guesses: Guesses;
  /** As it was told last. */
  #items: readonly JsonObject[] = [];
  /** The last object of a window that was full: what comes behind it is not known. */
  #end: JsonObject | undefined;
  /** The server has not found otherwise so far. */
  #isTrusted = true;

  constructor(options: ListFeedOptions, matches: Predicate) {
    super(options);
    this.#matches = matches;
    this.#deciding = decidingFields(options.query);
    this.#compare = compareItems(options.query);
    this.#limit = options.query.limit ?? defaultLimit;
    const { store, fields } = this;
    this.#guesses = new Guesses({
      store,
      fields,
      onChange: (r, change) => this.#guessed(r, change),
    });
  }

  override get value(): readonly JsonObject[] | undefined {
    return this.isLoaded ? this.#items : undefined;
  }

  override get isPending(): boolean {
    if (super.isPending) return true;
    const shown = new Set(this.#items);
    return [...this.#guesses.copies()].some(([, { isPending, value }]) => {
      return isPending && value !== undefined && shown.has(value);
    });
  }

  override wrote(write: ClientWrite, isDrawn: boolean): void {
    const rs = new Set(write.commands.map(({ r }) => r).filter((r) => isIn(this.r, r)));
    for (const r of rs) {
      if (isDrawn) this.#guesses.add(r, write);
      else this.#guesses.settle(r, (other) => other === write)();
    }
    if (rs.size > 0) this.#tell();
  }

  override loaded(bodies: readonly JsonObject[]): void {
    const ends = bodies.map(({ _r, _rev }) => this.#guesses.heard(String(_r), Number(_rev)));
    super.loaded(bodies);
    for (const end of ends) end();
    // The model may have a say in it, such as other spellings of an instant.
    this.#isTrusted &&= [...this.members].every(([r, { copy }]) => {
      return !copy.value || this.#isGuessed(r, copy) || this.#matches(copy.value);
    });
  }

  override receive(message: WireMessage): void {
    const { evt, r, rev, body, meta } = message;
    const isOfObject = evt === 'updated' || evt === 'left';
    const [object, to] = isOfObject ? [String(r), rev] : [String(body?._r), Number(body?._rev)];
    // Somebody else took it out: what it is now, the list does not know.
    const end =
      evt === 'left' && !this.#guesses.isOwn(object, meta?.once)
        ? this.#guesses.settle(object, () => true)
        : this.#guesses.heard(object, to ?? 0, meta?.once);
    super.receive(message);
    end();
  }

  override end(): void {
    this.#guesses.end();
    this.#items = [];
    super.end();
  }

  protected override emit(change: ListChange): void {
    this.#tell(change);
  }

  #guessed(r: string, change: CopyChange): void {
    if (this.members.has(r)) return;
    this.#tell(change.kind === 'local' ? { kind: 'local', r } : { ...change, kind: 'updated', r });
  }

  #isGuessed(r: string, copy: ObjectCopy): boolean {
    return this.#isTrusted && (copy.isPending || this.#guesses.has(r));
  }

  /** Whether a new object has all that counts here: for what it leaves out, its model may have a default. */
  #isComplete(value: JsonObject): boolean {
    return this.#deciding.every((path) => valueAtPath(value, path) !== undefined);
  }

  /** What the list has to show, in order. */
  #shown(): readonly JsonObject[] {
    const isFull = this.members.size >= this.#limit;
    if (this.#guesses.isEmpty && !super.isPending) {
      const items = super.value ?? [];
      const last = items.at(-1);
      if (isFull && last && (!this.#end || this.#compare(this.#end, last) < 0)) this.#end = last;
      return items.slice(0, this.#limit);
    }
    const shown: JsonObject[] = [];
    for (const [r, { copy }] of this.members) {
      const { value } = copy;
      if (!value) continue;
      if (isFull && (!this.#end || this.#compare(this.#end, value) < 0)) this.#end = value;
      if (!this.#isGuessed(r, copy) || this.#matches(value)) shown.push(value);
    }
    for (const [r, { value, rev }] of this.#guesses.copies()) {
      if (!this.#isTrusted || !value || this.members.has(r) || !this.#matches(value)) continue;
      if (rev === undefined && !this.#isComplete(value)) continue;
      if (!this.#end || this.#compare(value, this.#end) < 0) shown.push(value);
    }
    return shown.sort(this.#compare).slice(0, this.#limit);
  }

  /** Tells what leaves and enters, one object after the other, and then the change itself, if its object stays. */
  #tell(change?: ListChange): void {
    if (change?.kind === 'snapshot' || change?.kind === 'reset') {
      this.#end = undefined;
      this.#items = this.#shown();
      super.emit(change);
      return;
    }
    const r = change && 'r' in change ? change.r : undefined;
    const wasShown = this.#items.some(({ _r }) => _r === r);
    let isTold = false;
    // Listeners may write in between.
    for (let next = this.#step(change); next; next = this.#step(change)) {
      this.#items = next.items;
      super.emit(next.change);
      isTold = true;
    }
    const items = this.isLoaded ? this.#shown() : [];
    const isSame = items.every((item, index) => item === this.#items[index]);
    if (!isSame) this.#items = items;
    const isShown = items.some(({ _r }) => _r === r);
    if (change && wasShown && isShown) super.emit(staying(change, items));
    else if (change?.kind === 'status' || (change ? !isTold : !isSame))
      super.emit({ kind: 'status' });
  }

  /** The first object that leaves or enters. */
  #step(
    cause: ListChange | undefined,
  ): { readonly items: readonly JsonObject[]; readonly change: ListChange } | undefined {
    if (!this.isLoaded) return undefined;
    const shown = this.#shown();
    const [before, after] = [rsOf(this.#items), rsOf(shown)];
    for (const r of before) {
      if (after.has(r)) continue;
      return { items: this.#items.filter(({ _r }) => _r !== r), change: { kind: 'left', r } };
    }
    for (const r of after) {
      if (before.has(r)) continue;
      const isCreated = this.#guesses.isNew(r) || (cause?.kind === 'created' && cause.r === r);
      const items = shown.filter(({ _r }) => _r === r || before.has(String(_r)));
      return { items, change: { kind: isCreated ? 'created' : 'entered', r } };
    }
    return undefined;
  }
}

/** A change of an object that was shown before it and is shown after it. */
function staying(change: ListChange, items: readonly JsonObject[]): ListChange {
  if (change.kind === 'left') return { kind: 'local', r: change.r };
  if (change.kind !== 'created' && change.kind !== 'entered') return change;
  const { r } = change;
  return { kind: 'updated', r, rev: Number(items.find(({ _r }) => _r === r)?._rev) };
}

function rsOf(items: readonly JsonObject[]): Set<string> {
  return new Set(items.map(({ _r }) => String(_r)));
}

/** Whether an object is of a collection, which may have wildcards for parents. */
function isIn(collection: string, r: string): boolean {
  const [steps, pattern] = [r.split('/'), collection.split('/')];
  return (
    steps.length === pattern.length &&
    pattern.every((step, index) => step === '*' || step === steps[index])
  );
}
