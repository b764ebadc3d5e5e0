import {
  compareInOrder,
  deepEqual,
  type JsonObject,
  type SortKey,
  sortKeysOf,
  sortPositionIn,
} from '@really/protocol';
import type { CommitLog } from './commit-log.js';
import {
  type Kind,
  type ReaderClaims,
  type Rules,
  roomOf,
  type Sight,
  sightOf,
} from './membership-kinds.js';
import { type Question, teams } from './membership-steps.js';

/** When and by what rights something that a client heard was judged, as far as the client can know. */
export interface Moment {
  /** Positions: what was acknowledged before it asked, and the newest commit when it heard. */
  readonly from: number;
  readonly until: number;
  readonly claims: readonly ReaderClaims[];
  readonly rules: readonly Rules[];
  /** It came on a resumed connection, where what was sent before the drop may come again. */
  readonly isResumed?: boolean | undefined;
}

/** One state, one token, the rules in force. */
export interface Judgement {
  readonly pos: number;
  readonly claims: ReaderClaims;
  readonly rules: Rules;
}

export interface Item {
  readonly meta: { readonly fields: readonly string[] };
  readonly body: JsonObject;
}

interface Marked {
  readonly r: string;
  readonly field: 'text' | 'secret';
  /** Of the write; `undefined` until it was answered. */
  rev?: number;
}

const fieldNames = ['text', 'secret', 'n', 'open', 'ref'] as const;
/** Which nothing else looks like. */
const markers = /<m\d+>/g;

/** Who may see what, worked out from what was committed, the slow and simple way. */
export class RightsOracle {
  readonly #log: CommitLog;
  readonly #kind: Kind;
  readonly #name: string;
  readonly #marked = new Map<string, Marked>();

  constructor(log: CommitLog, name: string, kind: Kind) {
    this.#log = log;
    this.#kind = kind;
    this.#name = name;
  }

  /** A text that is nowhere else, for a field of an object. */
  mark(r: string, field: Marked['field'], number: number): string {
    const marker = `<m${number}>`;
    this.#marked.set(marker, { r, field });
    return marker;
  }

  /** The texts that these fields have were committed with this revision. */
  committed(fields: JsonObject, rev: number): void {
    for (const value of Object.values(fields)) {
      const marked = typeof value === 'string' ? this.#marked.get(value) : undefined;
      if (marked) marked.rev = rev;
    }
  }

  /** Some text that was written into this field. */
  someMarker(field: Marked['field'], which: number): string {
    const all = [...this.#marked].filter(([, marked]) => marked.field === field);
    return all[which % Math.max(1, all.length)]?.[0] ?? '<none>';
  }

  /** Every judgement that may have been made of something committed at `pos` or later. */
  *judgements({ from, until, claims, rules }: Moment, pos = 0): Iterable<Judgement> {
    const earliest = Math.max(from, this.#log.endOf(pos));
    for (const state of this.#log.states(earliest, until)) {
      for (const one of claims) {
        for (const rule of rules) yield { pos: state, claims: one, rules: rule };
      }
    }
  }

  sight(r: string, { pos, claims, rules }: Judgement, obj?: JsonObject): Sight | undefined {
    const find = this.#log.at(pos);
    const stored = obj ?? find(r);
    return stored && sightOf(this.#kind, rules, { r, obj: stored, claims, find });
  }

  /** What the rules say for a whole collection; `undefined` if they look at each object. */
  sharedSight(room: string, judgement: Judgement): Sight | undefined {
    if (!this.#kind.isShared) return undefined;
    return this.sight(`${room}/${this.#name}/none`, judgement, {});
  }

  /** Whether somebody could see what this revision has, as `want` says, at the time of a commit from it on. */
  could(
    moment: Moment,
    { r, rev, isPush }: { readonly r: string; readonly rev: number; readonly isPush: boolean },
    want: (sight: Sight) => boolean,
  ): boolean {
    const pos = this.#log.positionOf(r, rev);
    if (pos === undefined) return false;
    const then = this.#log.fieldsOf(r, rev);
    for (const judgement of this.judgements(moment, pos)) {
      const sight = this.sight(r, judgement) ?? this.sight(r, judgement, then);
      if (sight && want(sight)) return true;
    }
    if (this.#couldWithin(moment, { r, pos }, want)) return true;
    return isPush && this.#mayRepeat(moment, { r, rev, pos }, want);
  }

  /**
   * What was sent before a drop, when they could see it, is repeated to those who may see as much now, whatever became
   * of the object itself. What they never could is not.
   */
  #mayRepeat(
    { isResumed, ...moment }: Moment,
    { r, rev, pos }: { readonly r: string; readonly rev: number; readonly pos: number },
    want: (sight: Sight) => boolean,
  ): boolean {
    if (!isResumed || moment.from <= pos) return false;
    const before = { ...moment, from: this.#log.before(pos) };
    if (!this.could(before, { r, rev, isPush: true }, want)) return false;
    const then = this.#log.fieldsOf(r, rev);
    return [...this.judgements(moment)].some((judgement) => {
      const sight = this.sight(r, judgement, then);
      return sight && want(sight);
    });
  }

  /**
   * In a commit of several changes, what comes before the end of a membership may be told: the rights before the commit
   * and those of the changes so far both have to allow it.
   */
  #couldWithin(
    moment: Moment,
    { r, pos }: { readonly r: string; readonly pos: number },
    want: (sight: Sight) => boolean,
  ): boolean {
    const before = this.#log.before(pos);
    if (this.#log.endOf(pos) === pos || moment.from > before) return false;
    const obj = this.#log.at(pos)(r);
    return [...this.judgements({ ...moment, until: before, from: before })].some((judgement) =>
      [before, pos].every((at) => {
        const sight = obj && this.sight(r, { ...judgement, pos: at }, obj);
        return sight && want(sight);
      }),
    );
  }

  /** A text in what was heard that its hearer could not see. */
  leakIn(text: string, moment: Moment, right: 'read' | 'hear'): string | undefined {
    for (const [marker] of text.matchAll(markers)) {
      const marked = this.#marked.get(marker);
      if (!marked) return `${marker} was never written`;
      const { r, field, rev } = marked;
      const want = (sight: Sight) => sight[right] && (field === 'text' || sight.secret);
      const isPush = right === 'hear';
      const revs = rev === undefined ? [] : this.#revsWith(marker, { r, field, rev });
      if (!revs.some((one) => this.could(moment, { r, rev: one, isPush }, want)))
        return `${field} of ${r}@${rev ?? 'a refused write'}, ${marker}, is not for them`;
    }
    return undefined;
  }

  /** The revision that brought a text, and those that kept it. */
  #revsWith(marker: string, { r, field, rev }: Marked & { readonly rev: number }): number[] {
    const revs = [rev];
    const isKept = (one: number) =>
      this.#log.positionOf(r, one) !== undefined &&
      one !== this.#log.revOfDeletion(r) &&
      this.#log.fieldsOf(r, one)[field] === marker;
    for (let next = rev + 1; isKept(next); next++) revs.push(next);
    return revs;
  }

  /** Whether the end of something that was seen, by whatever token, may be told with this revision. */
  mayTellOfEnd({ claims, until }: Moment, r: string, rev: number): boolean {
    const pos = this.#log.positionOf(r, rev);
    if (pos === undefined) return false;
    const ever: Moment = {
      ...{ from: 0, until, rules: ['plain', 'strict'] },
      claims: claims.flatMap(({ uid }) => teams.map((team) => ({ uid, team }))),
    };
    if (this.could(ever, { r, rev, isPush: true }, ({ hear }) => hear)) return true;
    return [...this.judgements({ ...ever, from: pos - 1, until: pos - 1 })].some(
      (judgement) => this.sight(r, judgement)?.hear,
    );
  }

  /** Whether what was answered is what there was to see after some commit. */
  isAnswer(moment: Moment, matches: (judgement: Judgement) => boolean): boolean {
    return [...this.judgements(moment)].some(matches);
  }

  /** An object as its reader is to have it. */
  item(r: string, judgement: Judgement, right: 'read' | 'hear'): Item | undefined {
    const sight = this.sight(r, judgement);
    if (!sight?.[right]) return undefined;
    const { rev = 0 } = this.#log.revAt(r, judgement.pos) ?? {};
    const fields = fieldNames.filter((name) => name !== 'secret' || sight.secret);
    const data = this.#log.fieldsOf(r, rev);
    const seen = fields.flatMap((name) => {
      const value = data[name];
      return value === undefined ? [] : [[name, value]];
    });
    return { meta: { fields }, body: { _r: r, _rev: rev, ...Object.fromEntries(seen) } };
  }

  /**
   * Whether these items may be what a read found while others wrote: each is as it was to be seen after some commit, and
   * what was to be found all the time is there, if nothing changed of what rights depend on.
   */
  isFound(moment: Moment, room: string | undefined, question: Question, items: readonly Item[]) {
    const states = [...this.judgements(moment)].map((one) =>
      this.items(room, question, one, 'read'),
    );
    if (states.some((expected) => isSameItems(items, expected))) return true;
    const all = { ...question, limit: undefined };
    const unlimited = [...this.judgements(moment)].map((one) => this.items(room, all, one, 'read'));
    const isSeen = ({ body }: Item) =>
      unlimited.some((expected) => expected.some((one) => deepEqual(one.body, plainBody(body))));
    if (!items.every(isSeen)) return false;
    if (question.limit !== undefined || this.#rightsChanged(moment)) return true;
    const [first = []] = states;
    const isThere = (r: unknown, among: readonly Item[]) => among.some(({ body }) => body._r === r);
    return first
      .filter(({ body }) => states.every((one) => isThere(body._r, one)))
      .every(({ body }) => isThere(body._r, items));
  }

  #rightsChanged({ from, until, claims, rules }: Moment): boolean {
    const changed = this.#log.changedWithin(from, until);
    const isRight = (r: string) => r.split('/')[5] !== this.#name;
    return claims.length > 1 || rules.length > 1 || changed.some(isRight);
  }

  /** How many of what a query finds there were at least, and at most, while others wrote. */
  countsOf(moment: Moment, room: string, filter: Question['filter']) {
    const states = [...this.judgements(moment)].map((one) =>
      this.items(room, { filter }, one, 'read').map(({ body }) => String(body._r)),
    );
    const ever = new Set(states.flat());
    const always = [...ever].filter((r) => states.every((rs) => rs.includes(r)));
    return { least: this.#rightsChanged(moment) ? 0 : always.length, most: ever.size };
  }

  /** The answer of a read of a room, or of all of them (`undefined`). */
  items(
    room: string | undefined,
    question: Question,
    judgement: Judgement,
    right: 'read' | 'hear',
  ): Item[] {
    const objects = this.#log
      .known()
      .filter((r) => r.split('/')[5] === this.#name && (room === undefined || roomOf(r) === room));
    const found = objects
      .flatMap((r) => this.item(r, judgement, right) ?? [])
      .filter(({ body }) => matches(body, question));
    const keys: readonly SortKey[] = question.sort
      ? sortKeysOf(question.sort)
      : [{ field: '_r', descending: true }];
    const place = ({ body: { _r, _rev, ...data } }: Item) =>
      sortPositionIn(keys, { r: String(_r), rev: Number(_rev), data });
    return found
      .sort((a, b) => compareInOrder(keys, place(a), place(b)))
      .slice(0, question.limit ?? 200);
  }
}

function matches({ n, secret, open, text }: JsonObject, { filter }: Question): boolean {
  const number = typeof n === 'number' ? n : Number.NaN;
  if (!filter) return true;
  switch (filter.filter) {
    case 'n >= $n':
      return number >= Number(filter.values.n);
    case 'secret != null':
      return secret !== undefined;
    case 'open = true or n < 2':
      return open === true || number < 2;
    case 'secret = $marker':
      return secret === filter.values.marker;
    case 'text starts with $marker':
      return typeof text === 'string' && text.startsWith(String(filter.values.marker));
    default:
      throw new Error(`what is ${filter.filter}?`);
  }
}

/** Whether an answer's items are these. */
export function isSameItems(items: readonly Item[], expected: readonly Item[]): boolean {
  return deepEqual(
    items.map(({ body }) => plainBody(body)),
    expected.map(({ body }) => body),
  );
}

/** A read resolves references, a push does not. */
export function plainBody(body: JsonObject): JsonObject {
  const { ref } = body;
  const isTold = typeof ref === 'object' && ref !== null && !Array.isArray(ref);
  return isTold ? { ...body, ref: ref.value ?? null } : body;
}
