import {
  applyDelta,
  compareInOrder,
  type Delta,
  deepEqual,
  type JsonObject,
  type SortKey,
  sortKeysOf,
  sortPositionIn,
  topField,
} from '@really/protocol';
import type { ServerMessage } from '../harness/client.js';
import type { StoryQuery } from './live-queries-steps.js';

/** An object as its reader holds it. */
interface Copy {
  readonly rev: number;
  readonly data: JsonObject;
}

/** An item of a read's answer. */
export interface WindowItem {
  readonly meta: { readonly fields: readonly string[] };
  readonly body: JsonObject;
}

/** What a window was after some push. */
interface Memory {
  readonly pos: string;
  readonly copies: ReadonlyMap<string, Copy>;
}

const remembered = 8;

/** A window as a client keeps it that does what the protocol says, and notices where the server does not. */
export class FoldedWindow {
  id: string;
  readonly r: string;
  readonly question: StoryQuery;
  /** The received pushes, for failure reports. */
  readonly log: string[] = [];
  #copies = new Map<string, Copy>();
  #memories: Memory[] = [];
  #pos = 0;
  /** Up to this position earlier pushes may come again; all of them if it is unknown what arrived. */
  #lenientUntil = 0;
  failed = false;

  constructor(id: string, r: string, question: StoryQuery) {
    this.id = id;
    this.r = r;
    this.question = question;
  }

  /** The answer of a read. */
  begin(items: readonly WindowItem[]): void {
    this.failed = false;
    this.log.push(`read ${items.map(({ body }) => `${body._r}@${body._rev}`).join(' ')}`);
    this.#copies = new Map(items.map(({ body }) => [String(body._r), copyOf(plain(body))]));
    this.#memories = [];
    this.#pos = 0;
    this.#lenientUntil = 0;
  }

  /** Goes back to what it was `back` pushes ago: the position of that, where it is known. */
  goBack(back: number): string | undefined {
    const at = Math.max(0, this.#memories.length - 1 - back);
    const memory = this.#memories[at];
    if (!memory) return undefined;
    // It may have been among pushes of one change: those carry the position before them, and come again.
    const next = this.#memories.slice(at).find(({ pos }) => numberOf(pos) > numberOf(memory.pos));
    this.#memories.length = at + 1;
    this.#copies = new Map(memory.copies);
    this.#pos = numberOf(memory.pos);
    this.#lenientUntil = numberOf(next?.pos ?? memory.pos);
    this.log.push(`back to ${memory.pos}`);
    return memory.pos;
  }

  /** It was cut off. If it is unknown what arrived, received pushes may come again. */
  comeBack(isCounted: boolean): void {
    if (isCounted) return;
    this.#lenientUntil = Number.POSITIVE_INFINITY;
    this.#pos = 0;
  }

  /** Everything was pushed: later pushes are new. */
  beStrict(): void {
    this.#lenientUntil = 0;
  }

  take(push: ServerMessage): void {
    const { evt, r = '', rev = 0, body, meta } = push;
    this.log.push(
      `${evt} ${body?._r ?? r}@${body?._rev ?? rev} pos ${meta?.pos}${meta?.prev ? ` prev ${meta.prev}` : ''} ${JSON.stringify(body)}`,
    );
    if (evt === 'failed') {
      this.failed = true;
      return;
    }
    const pos = String(meta?.pos);
    if (numberOf(pos) < this.#pos) throw this.#broken(`position ${pos} after ${this.#pos}`);
    this.#pos = numberOf(pos);
    const isLenient = this.#lenientUntil > 0;
    // If a change is sent as several pushes, all but the last have the position before it.
    if (this.#pos > this.#lenientUntil) this.#lenientUntil = 0;
    if (evt === 'created' || evt === 'entered') this.#enter(r, body, isLenient);
    else if (evt === 'updated') this.#update(push, isLenient);
    else if (evt === 'snapshot') this.#snapshot(push, isLenient);
    else if (evt === 'left') this.#leave(r, rev, isLenient);
    else throw this.#broken(`what is ${evt}?`);
    // A repeated push is behind the current state: no client continues from it.
    const last = this.#memories.at(-1);
    if (last && numberOf(last.pos) > numberOf(pos)) return;
    this.#memories.push({ pos, copies: new Map(this.#copies) });
    if (this.#memories.length > remembered) this.#memories.shift();
  }

  #enter(r: string, body: JsonObject, isLenient: boolean): void {
    const name = String(body._r);
    if (r !== this.r) throw this.#broken(`of ${r}, not ${this.r}`);
    if (this.#copies.has(name) && !isLenient) throw this.#broken(`${name} is there already`);
    this.#copies.set(name, copyOf(body));
  }

  #update({ r = '', rev = 0, body, meta }: ServerMessage, isLenient: boolean): void {
    const copy = this.#copies.get(r);
    const prev = Number(meta?.prev ?? rev - 1);
    if (isLenient && (!copy || copy.rev >= rev)) return;
    if (!copy) throw this.#broken(`${r} is not there`);
    if (copy.rev >= rev) throw this.#broken(`${r} is at ${copy.rev} already`);
    if (prev > copy.rev) throw this.#broken(`${r} is at ${copy.rev}, and ${prev} is missing`);
    this.#copies.set(r, { rev, data: applyDelta(copy.data, body as Delta) });
  }

  #snapshot({ r = '', rev = 0, body }: ServerMessage, isLenient: boolean): void {
    const copy = this.#copies.get(r);
    if (!copy && !isLenient) throw this.#broken(`${r} is not there`);
    if (copy && copy.rev > rev && !isLenient) throw this.#broken(`${r} is at ${copy.rev} already`);
    this.#copies.set(r, copyOf(body as JsonObject));
  }

  #leave(r: string, rev: number, isLenient: boolean): void {
    const copy = this.#copies.get(r);
    if (!copy && !isLenient) throw this.#broken(`${r} is not there`);
    if (copy && copy.rev > rev && !isLenient) throw this.#broken(`${r} is at ${copy.rev} already`);
    this.#copies.delete(r);
  }

  /** What differs from the answer of the same read; `undefined` where nothing does. */
  differenceTo(items: readonly WindowItem[]): string | undefined {
    const expected = items.map(({ meta, body }) => ({ ...meta, body: plain(body) }));
    const rs = expected.map(({ body }) => String(body._r));
    const order = this.#sorted(
      new Map(expected.map(({ body, fields }) => [String(body._r), fields])),
    );
    if (!deepEqual(order, rs)) return `there is ${order}, and should be ${rs}`;
    for (const { body, fields } of expected) {
      const name = String(body._r);
      const copy = this.#copies.get(name);
      const held = pick(copy?.data ?? {}, fields);
      const should = pick(body, fields);
      if (!deepEqual(held, should)) {
        return `${name} is ${JSON.stringify(held)}, and should be ${JSON.stringify(should)}`;
      }
      if ((copy?.rev ?? 0) > Number(body._rev))
        return `${name} is at ${copy?.rev}, ahead of ${body._rev}`;
    }
    return undefined;
  }

  /** Names in the order of the query, as far as what is held of them says it. */
  #sorted(fields: ReadonlyMap<string, readonly string[]>): string[] {
    const { sort, ascending } = this.question;
    const keys = sort ? sortKeysOf(sort) : [{ field: '_r', descending: ascending !== true }];
    const names = [...this.#copies.keys()];
    const isUnseen = ({ field }: SortKey) => !this.question.fields?.includes(topField(field));
    if (sort && this.question.fields && keys.some(isUnseen)) {
      const expected = [...fields.keys()];
      const isSame = names.length === expected.length && names.every((name) => fields.has(name));
      return isSame ? expected : names;
    }
    const place = (name: string) => {
      const { rev = 0, data = {} } = this.#copies.get(name) ?? {};
      const seen = pick(data, fields.get(name) ?? Object.keys(data));
      return sortPositionIn(keys, { r: name, rev, data: seen });
    };
    return names.sort((a, b) => compareInOrder(keys, place(a), place(b)));
  }

  #broken(why: string): Error {
    return new Error(`${why}: ${this.describe()}`);
  }

  describe(): string {
    return `${this.id} of ${this.r} ${JSON.stringify(this.question)}\n  ${this.log.join('\n  ')}`;
  }
}

/** A client never compares positions. This one looks into them, to see that they do not go back. */
function numberOf(pos: string): number {
  return Number.parseInt(pos.split('.', 1)[0] ?? '', 36);
}

function copyOf({ _r, _rev, ...data }: JsonObject): Copy {
  return { rev: Number(_rev), data };
}

function pick(data: JsonObject, fields: readonly string[]): JsonObject {
  const kept = Object.entries(data).filter(
    ([name, value]) => fields.includes(name) && value !== null,
  );
  return Object.fromEntries(kept);
}

/** A read resolves references, a push does not. */
function plain(body: JsonObject): JsonObject {
  const { ref } = body;
  const isTold = typeof ref === 'object' && ref !== null && !Array.isArray(ref);
  return isTold ? { ...body, ref: ref.value ?? null } : body;
}
