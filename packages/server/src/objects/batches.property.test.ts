import { fail, type JsonObject, ProtocolError } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { localBus } from '../bus/local/bus.js';
import { silentLog } from '../platform/log.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import type { Store } from '../store/store.js';
import { StoreUnavailable } from '../store/store-errors.js';
import type { WriteGroup } from '../store/write-group.js';
import { createWrite, deleteWrite, updateWrite, type WriteOrigin } from './change.js';
import { Objects } from './objects.js';
import type { PreparedWrite, WriteRequest } from './write-request.js';

const origin: WriteOrigin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
const rs = ['/users/1', '/users/2', '/users/3', '/users/4'];

const part = fc.record({
  r: fc.constantFrom(...rs),
  kind: fc.constantFrom('add', 'add', 'add', 'add', 'create', 'delete', 'odd', 'clash', 'look'),
  /** Ticks of the event loop that preparing takes. */
  ticks: fc.constantFrom(0, 0, 0, 1),
  sideWrites: fc.boolean(),
});
type Part = typeof part extends fc.Arbitrary<infer T> ? T : never;

const request = fc.record({
  parts: fc.oneof(
    fc.array(part, { minLength: 1, maxLength: 1 }),
    fc.array(part, { minLength: 2, maxLength: 5 }),
  ),
  pause: fc.constantFrom(0, 0, 0, 1, 2),
  once: fc.option(fc.constantFrom('a', 'b'), { nil: undefined, freq: 6 }),
  owner: fc.constantFrom(undefined, 'x', 'y'),
});
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** The state of one object in the oracle. */
interface Plain {
  readonly rev: number;
  readonly n: number;
  readonly deleted: boolean;
  /** Has a value that must be unique and is not. */
  readonly clashes: boolean;
}
type Plains = Map<string, Plain>;

/** The plain model: what a part does to its object, or the error that refuses it. */
function oracle(state: Plains, { r, kind }: Part): string | undefined {
  const head = state.get(r);
  if (kind === 'create') {
    if (head) return 'object.already.exist';
    state.set(r, { rev: 1, n: 0, deleted: false, clashes: false });
    return undefined;
  }
  if (!head) return 'object.missing';
  if (head.deleted) return 'object.gone';
  if (kind === 'odd' && head.n % 2 === 1) return 'forbidden';
  const dead = kind === 'delete';
  const clashes = kind === 'clash';
  state.set(r, { rev: head.rev + 1, n: dead ? 0 : head.n + 1, deleted: dead, clashes });
  return undefined;
}

let entries = 0;

function requestOf({ r, kind, ticks, sideWrites }: Part): WriteRequest {
  return {
    r,
    async prepare(head, look): Promise<PreparedWrite> {
      await turns(ticks);
      if (kind === 'look') await look(rs);
      const entry = createWrite(`/_outbox/${++entries}`, { of: r }, origin);
      const brought = sideWrites ? { sideWrites: [entry] } : {};
      if (kind === 'create') {
        if (head) throw fail('object.already.exist');
        return { ...createWrite(r, { n: 0 }, origin), ...brought };
      }
      if (!head) throw fail('object.missing');
      if (head.deleted) throw fail('object.gone');
      const n = Number(head.data.n);
      if (kind === 'odd' && n % 2 === 1) throw fail('forbidden');
      if (kind === 'delete') return { ...deleteWrite(head, origin), ...brought };
      const data: JsonObject = { n: n + 1, ...(kind === 'clash' && { email: 'taken' }) };
      return { ...updateWrite(head, { data, delta: {}, touched: ['n'] }, origin), ...brought };
    },
  };
}

interface Commit {
  readonly groups: readonly WriteGroup[];
}

/** A store that is slow, fails at times, and has another writer where it is not the sole one. */
async function setUp(failures: readonly boolean[], isSoleWriter: boolean) {
  const platform = simulatedPlatform({ seed: 1 });
  const store = openMemoryStore({}, platform);
  await store.prepare([
    { names: ['users'], indexes: [{ fields: ['email'], unique: true }], retention: {} },
  ]);
  await store.commit([{ writes: [createWrite('/users/taken', { email: 'taken' }, origin)] }]);
  const { commit } = store;
  const committed: Commit[] = [];
  let commits = 0;
  Object.assign(store, {
    isSoleWriter,
    async commit(groups: readonly WriteGroup[]) {
      const fails = failures[commits++ % Math.max(1, failures.length)];
      await turns(commits % 3);
      if (fails) throw new StoreUnavailable('away');
      const outcomes = await commit.call(store, groups);
      committed.push({ groups: groups.filter((_, i) => outcomes[i]?.kind === 'committed') });
      return outcomes;
    },
  } satisfies Partial<Store>);
  const bus = localBus();
  const published: string[][] = [];
  bus.listen((changes) => published.push(changes.map(({ r, rev }) => `${r}@${rev}`)));
  const objects = new Objects({ store, bus, platform, log: silentLog });
  return { platform, store, committed, published, objects };
}

async function send(objects: Objects, { parts, once, owner }: Request): Promise<string> {
  const id = once && JSON.stringify([once, parts.map(({ r, kind }) => [r, kind])]);
  const key = id === undefined ? undefined : { uid: 'u', id, cmd: 'batch', r: '' };
  const [first, ...more] = parts.map(requestOf);
  try {
    if (first && more.length === 0)
      return (await objects.write({ ...first, once: key, owner })).kind;
    const result = await objects.writeAll(parts.map(requestOf), { once: key, owner });
    if (result.kind === 'refused') throw result.error;
    return result.kind;
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}

/** Runs the requests one after the other: the result that `Objects` must have, too. */
function expected(requests: readonly Request[]): { outcomes: string[]; state: Plains } {
  const state: Plains = new Map();
  const known = new Set<string>();
  const outcomes = requests.map(({ parts, once }) => {
    const id = once && JSON.stringify([once, parts.map(({ r, kind }) => [r, kind])]);
    if (id !== undefined && known.has(id)) return 'repeated';
    const after: Plains = new Map(state);
    const refusal = parts.map((item) => oracle(after, item)).find(Boolean);
    if (refusal) return refusal;
    // Checked on what the whole batch leaves.
    if ([...after.values()].some(({ clashes }) => clashes)) return 'unique';
    for (const [r, plain] of after) state.set(r, plain);
    if (id !== undefined) known.add(id);
    return 'committed';
  });
  return { outcomes, state };
}

const scenario = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 30 }),
  failures: fc.array(fc.boolean(), { maxLength: 4 }).filter((all) => !all.every(Boolean)),
  isSoleWriter: fc.boolean(),
  /** A tick takes 50 ms: a write that is prepared for several ticks lets others go first. */
  isSlow: fc.boolean(),
});

test('[BAT3] [BAT4] sequential batches do what a plain model says', async () => {
  const property = fc.asyncProperty(scenario, async ({ requests, isSoleWriter }) => {
    const { store, objects } = await setUp([], isSoleWriter);
    const outcomes: string[] = [];
    for (const item of requests) outcomes.push(await send(objects, item));
    const model = expected(requests);
    expect(outcomes).toEqual(model.outcomes);
    for (const r of rs) {
      const { n = 0, rev, deleted } = model.state.get(r) ?? {};
      const stored = await store.get(r);
      expect(stored && [stored.rev, stored.deleted, Number(stored.data.n ?? 0)]).toEqual(
        rev === undefined ? undefined : [rev, deleted, n],
      );
    }
  });
  await fc.assert(property, { numRuns: 100 });
});

test('[BAT4] [BAT5] [DUR2] [DUR6] a batch is applied whole or not at all, in the store and on the bus, whatever runs beside it or fails', async () => {
  const seen = new Map<string, number>();
  const property = fc.asyncProperty(scenario, async (given) => {
    const { requests, failures, isSoleWriter, isSlow } = given;
    const { platform, ...made } = await setUp(failures, isSoleWriter);
    const { store, committed, published, objects } = made;
    const time = setInterval(() => platform.advance(isSlow ? 50 : 0), 0);
    const results: Promise<string>[] = [];
    for (const item of requests) {
      results.push(send(objects, item));
      await turns(item.pause);
    }
    const outcomes = await Promise.all(results);
    await objects.drain();
    clearInterval(time);
    for (const outcome of outcomes) seen.set(outcome, (seen.get(outcome) ?? 0) + 1);

    // Each request answered as committed is one group with as many writes, and there are no other
    // groups.
    const groups = committed.flatMap((item) => item.groups);
    const sizes = outcomes.flatMap((outcome, i) =>
      outcome === 'committed' ? [sizeOf(requests[i])] : [],
    );
    expect(groups.map(({ writes }) => writes.length).sort()).toEqual(sizes.sort());
    // The bus publishes whole commits, and so whole groups.
    const committedNames = committed.map((item) =>
      item.groups.flatMap(({ writes }) => writes.map(nameOf)),
    );
    expect(published).toEqual(committedNames.filter((names) => names.length > 0));
    // The store and `Objects` both hold what the groups left.
    for (const r of rs) {
      const writes = groups.flatMap((group) => group.writes).filter(({ object }) => object.r === r);
      expect(writes.map(({ object }) => object.rev)).toEqual(writes.map((_, i) => i + 1));
      const stored = await store.get(r);
      expect(stored).toEqual(
        JSON.parse(JSON.stringify(writes.at(-1)?.object ?? null)) ?? undefined,
      );
      expect(await objects.head(r)).toEqual(stored);
    }
    if (!failures.includes(true) && !isSlow) expect(outcomes).not.toContain('server.unavailable');
  });
  await fc.assert(property, { numRuns: 150 });
  for (const outcome of ['committed', 'repeated', 'unique', 'forbidden', 'server.unavailable']) {
    expect(seen.get(outcome) ?? 0, outcome).toBeGreaterThan(0);
  }
});

const sizeOf = (given: Request | undefined) =>
  (given?.parts ?? []).reduce((sum, { sideWrites }) => sum + (sideWrites ? 2 : 1), 0);
const nameOf = ({ object }: PreparedWrite) => `${object.r}@${object.rev}`;
