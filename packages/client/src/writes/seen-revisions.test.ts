import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClientCommand } from './client-command.js';
import { ClientWrite, type SeenRevision } from './client-write.js';
import { baseRevision, SeenRevisions } from './seen-revisions.js';

const r = '/a/1';
const fields = ['a', 'b', 'c'] as const;
type Field = (typeof fields)[number];

type Update = Extract<ClientCommand, { cmd: 'update' }>;
const setting = (...keys: string[]): Update => {
  return { cmd: 'update', r, ops: keys.map((key) => ({ op: 'set', key, value: 1 })) };
};
const adding = (key: string): Update => {
  return { cmd: 'update', r, ops: [{ op: 'addNumber', key, value: 1 }] };
};

/** By field, up to which revision the app has seen what others did to it; 0 where it has not. */
type Truth = Record<Field, number>;

interface Queued {
  readonly write: ClientWrite;
  readonly command: Update;
  readonly truth: Truth;
  /** It is based on what was there when the client asked, or wrote, for the first time. */
  isBlind: boolean;
}

/** An object on the server, and what the app has seen of it, as somebody who knows everything would say. */
class Story {
  readonly seen = new SeenRevisions(() => []);
  rev = 1;
  /** By field, the revisions at which others changed it. */
  readonly foreign: Record<Field, number[]> = { a: [], b: [], c: [] };
  /** By field, the last revision at which anybody did. */
  readonly touched: Record<Field, number> = { a: 1, b: 1, c: 1 };
  readonly truth: Truth = { a: 0, b: 0, c: 0 };
  readonly queue: Queued[] = [];

  change(field: Field): void {
    this.rev += 1;
    this.foreign[field].push(this.rev);
    this.touched[field] = this.rev;
  }

  /** A read, or a copy that is closed. Live copies of some fields say when one of these was touched last. */
  see(some: readonly Field[] | undefined, isLive: boolean): void {
    const shown = some ?? fields;
    const rev = isLive ? Math.max(...shown.map((field) => this.touched[field])) : this.rev;
    this.seen.note(r, { rev, fields: some });
    for (const field of shown) this.truth[field] = this.rev;
  }

  /** The app makes a write. */
  make(command: Update): void {
    const details = { id: 'w', isBatch: false, options: {}, createdAt: 0 };
    const write = new ClientWrite({ ...details, commands: [command] });
    write.seen.set(r, this.seen.of(r));
    this.queue.push({ write, command, truth: { ...this.truth }, isBlind: false });
  }

  /** The server gets the oldest, and takes it if nobody touched its field since the revision that it names. */
  answer(): void {
    const next = this.queue.shift();
    if (!next) return;
    const { write, command } = next;
    const [field] = command.ops.map(({ key }) => key as Field);
    const isCompared = command.ops[0]?.op === 'set';
    if (isCompared && baseRevision(command, seenBy(write)) === undefined) {
      next.isBlind = true;
      const isFirst = knows(this.seen.of(r)).length === 0;
      this.seen.learnt(r, this.rev, write);
      if (isFirst) this.#takeAsSeen(this.truth);
    }
    const base = baseRevision(command, seenBy(write)) ?? 0;
    if (!field || (isCompared && this.touched[field] > base)) return;
    this.rev += 1;
    this.touched[field] = this.rev;
    const all = this.#all();
    const first = all.filter(([seen]) => knows(seen()).length === 0);
    for (const queued of this.queue) queued.isBlind ||= knows(seenBy(queued.write)).length === 0;
    this.seen.committed(
      command,
      this.rev,
      this.queue.map(({ write }) => write),
    );
    for (const one of all) {
      const [, truth] = one;
      if (first.includes(one)) this.#takeAsSeen(truth);
      // Whatever was there is replaced already.
      if (isCompared && next.isBlind) truth[field] = this.rev;
    }
  }

  /** Fields of which an update would name a later revision than was seen of them, or ask for one though they were seen. */
  wrong(): string[] {
    return this.#all().flatMap(([seen, truth]) =>
      fields.flatMap((field) => {
        const base = baseRevision(setting(field), seen());
        if (truth[field] === 0) return [];
        if (base === undefined) return [`${field}: was seen at ${truth[field]}, but is asked for`];
        const missed = this.foreign[field].filter((rev) => rev > truth[field] && rev <= base);
        return missed.map((rev) => `${field}: ${rev} was not seen, but ${base} is named`);
      }),
    );
  }

  /** What counts as seen, for what is made now and for what waits, and what was seen. */
  #all(): (readonly [() => SeenRevision, Truth])[] {
    const now = [() => this.seen.of(r), this.truth] as const;
    return [now, ...this.queue.map(({ write, truth }) => [() => seenBy(write), truth] as const)];
  }

  /** Where nobody has seen anything, what is there now counts as seen. */
  #takeAsSeen(truth: Truth): void {
    for (const field of fields) truth[field] = this.rev;
  }
}

const seenBy = ({ seen }: ClientWrite): SeenRevision => seen.get(r) as SeenRevision;
const knows = (seen: SeenRevision): Field[] =>
  fields.filter((field) => baseRevision(setting(field), seen) !== undefined);

const field = fc.constantFrom(...fields);
const some = fc.option(fc.subarray([...fields], { minLength: 1 }), { nil: undefined });
const steps = fc.array(
  fc.oneof(
    field.map((name) => (story: Story) => story.change(name)),
    fc.tuple(some, fc.boolean()).map(
      ([names, isLive]) =>
        (story: Story) =>
          story.see(names, isLive && names !== undefined),
    ),
    field.map((name) => (story: Story) => story.make(setting(name))),
    field.map((name) => (story: Story) => story.make(adding(name))),
    fc.constant((story: Story) => story.answer()),
  ),
  { maxLength: 20 },
);

test('[TSC3] an update never names a revision up to which a field that it sets was changed unseen', () => {
  fc.assert(
    fc.property(steps, (played) => {
      const story = new Story();
      for (const play of played) {
        play(story);
        expect(story.wrong()).toEqual([]);
      }
    }),
    { numRuns: 3_000 },
  );
});

test('[TSC3] what was seen of some fields says nothing of the others', () => {
  const seen = new SeenRevisions(() => [{ rev: 6, fields: ['b'] }]);
  seen.note(r, { rev: 4, fields: ['a'] });
  expect(baseRevision(setting('a'), seen.of(r))).toBe(4);
  expect(baseRevision(setting('b'), seen.of(r))).toBe(6);
  expect(baseRevision(setting('a', 'b'), seen.of(r))).toBe(4);
  expect(baseRevision(setting('a', 'c'), seen.of(r))).toBe(undefined);
  expect(baseRevision(adding('c'), seen.of(r))).toBe(undefined);
  seen.note(r, { rev: 5 });
  expect(baseRevision(setting('a', 'c'), seen.of(r))).toBe(5);
});
