import {
  type Actor,
  type Auth,
  applyOps,
  deltaOf,
  type FieldOp,
  type JsonObject,
  parseR,
  type SubscribeItem,
  type UnsubscribeItem,
} from '@really/protocol';
import { expect } from 'vitest';
import type { Bus } from '../bus/bus.js';
import { cannotRead } from '../model/lookups/lookup.js';
import type { AuthParts, Field, Model, ModelSet, Rule, ScriptResult } from '../model/model.js';
import { constantRule, scriptRule } from '../model/rules/access.js';
import { noFieldRules } from '../model/rules/field-rules.js';
import { createWrite, deleteWrite, updateWrite } from '../objects/change.js';
import { defaultLimits, type Limits } from '../platform/limits.js';
import { silentLog } from '../platform/log.js';
import type { Counter, Metrics } from '../platform/metrics.js';
import type { Clock } from '../platform/platform.js';
import { simulatedPlatform } from '../platform/simulated.js';
import type { StoreConfig } from '../store/common-config.js';
import { openMemoryStore } from '../store/memory/store.js';
import type { Store } from '../store/store.js';
import type { Query } from '../store/store-reads.js';
import type { CommittedChange } from '../store/stored-object.js';
import type { Write } from '../store/write-group.js';
import { Live, type LiveOptions } from './live.js';
import { Positions } from './position.js';
import { FanOutPace } from './push/fan-out.js';
import type { Frame } from './push/frame.js';
import type { PushTarget } from './push-target.js';
import type { SubscribeResult } from './subscribe.js';

/** A push as the client receives it. */
export interface ReceivedPush {
  readonly evt: string;
  readonly r: string;
  readonly rev?: number;
  readonly body?: JsonObject;
  readonly error?: { code: number; message: string; id?: string };
  readonly meta?: {
    opBy?: Actor;
    at?: string;
    prev?: number;
    pos?: string;
    view?: string;
    subscription?: string;
    retryAfter?: number;
  };
}

/** Records its pushes. */
export class FakeConnection implements PushTarget {
  auth: Auth;
  congested = false;
  readonly frames: Frame[] = [];

  constructor(auth: Auth | string = 'u1') {
    this.auth = typeof auth === 'string' ? { uid: auth } : auth;
  }

  push(frame: Frame): void {
    this.frames.push(frame);
  }

  /** Takes the pushes so far, without views and times, and with plain numbers as positions. */
  received(): ReceivedPush[] {
    return this.receivedRaw().map((push) => {
      const { view, pos, at: _at, ...meta } = push.meta ?? {};
      const plain = { ...meta, ...(pos !== undefined && { pos: numberOf(pos) }) };
      const { meta: _meta, ...rest } = push;
      return Object.keys(plain).length > 0 ? { ...rest, meta: plain } : rest;
    });
  }

  /** As `received`, unchanged. */
  receivedRaw(): ReceivedPush[] {
    return this.frames.splice(0).map(({ text }) => JSON.parse(text) as ReceivedPush);
  }

  /** Takes the pushes so far as `updated 3`, `created /users/1`, … */
  summaries(): string[] {
    return this.received().map(({ evt, rev, body }) => `${evt} ${rev ?? body?._r ?? ''}`.trim());
  }
}

/** The number in an opaque position. */
export function numberOf(pos: string): string {
  return String(Number.parseInt(pos.split('.', 1)[0] ?? '', 36));
}

type Scope = { readonly obj: JsonObject; readonly auth: Auth };

export const readsNothing: AuthParts = { uid: false, r: false, all: false };
export const readsUid: AuthParts = { uid: true, r: false, all: false };
export const readsAll: AuthParts = { uid: true, r: true, all: true };

/** A rule as a function of what an expression would see. */
export function rule(
  allows: (scope: Scope) => boolean | Promise<boolean>,
  reads: AuthParts = readsUid,
): Rule {
  const run = (scope: object): ScriptResult | Promise<ScriptResult> => {
    const returned = (value: boolean): ScriptResult => ({ kind: 'returned', value, hidden: [] });
    try {
      const answer = allows(scope as Scope);
      return answer instanceof Promise ? answer.then(returned) : returned(answer);
    } catch (error) {
      return { kind: 'threw', message: String(error), line: undefined };
    }
  };
  return scriptRule({ where: 'a rule', reads, run }, () => {});
}

export interface FakeModelOptions {
  readonly name?: string;
  readonly version?: number;
  /** The digest of its files; derived from the version by default. */
  readonly digest?: string;
  readonly fields?: readonly string[];
  readonly sets?: Readonly<Record<string, readonly string[]>>;
  readonly read?: Rule;
  readonly subscribe?: Rule;
  readonly hidden?: boolean;
  /** The fields that pre-get hides; may throw a text to cancel. */
  readonly preGet?: (scope: Scope) => readonly string[] | Promise<readonly string[]>;
  readonly preGetReads?: AuthParts;
  readonly history?: number;
}

export function modelOf(traits: FakeModelOptions = {}): Model {
  const { name = 'users', version = 1, fields = ['a', 'b', 'c', 'secret'], preGet } = traits;
  const read = traits.read ?? constantRule(true);
  const nothing = constantRule(false);
  const names = name.split('/');
  const where = `${name}/pre-get.js`;
  const reads = traits.preGetReads ?? readsUid;
  return {
    names,
    key: name,
    version,
    digest: traits.digest ?? `${version}`,
    currentFrom: 1,
    onParentDeleted: 'keep',
    evolutions: [],
    fields: new Map(fields.map((field) => [field, fieldOf(field)])),
    fieldSets: new Map(Object.entries(traits.sets ?? {})),
    access: {
      create: nothing,
      read,
      update: nothing,
      delete: nothing,
      subscribe: traits.subscribe ?? read,
      present: nothing,
      send: nothing,
      hidden: traits.hidden ?? false,
    },
    fieldRules: noFieldRules,
    rooms: {},
    hooks: preGet
      ? { preGet: { where, reads, run: (scope) => hiddenBy(preGet, scope as never) } }
      : {},
    layout: { names, modelVersion: version, indexes: [], retention: { history: traits.history } },
    calculated: [],
    limits: { depth: 64, list: 10_000 },
    hides: new Set(),
    lookups: new Map(),
    readLookups: cannotRead,
    onScriptFailure: () => {},
  };
}

function fieldOf(name: string): Field {
  return { name, type: 'Json', required: false, index: false, unique: false };
}

function hiddenBy(
  preGet: (scope: Scope) => readonly string[] | Promise<readonly string[]>,
  scope: Scope,
): ScriptResult | Promise<ScriptResult> {
  const returned = (hidden: readonly string[]): ScriptResult => {
    return { kind: 'returned', value: undefined, hidden };
  };
  try {
    const hidden = preGet(scope);
    return hidden instanceof Promise ? hidden.then(returned) : returned(hidden);
  } catch (error) {
    return typeof error === 'string'
      ? { kind: 'cancelled', code: 418, message: error }
      : { kind: 'threw', message: String(error), line: undefined };
  }
}

export function modelSet(...models: readonly Model[]): ModelSet {
  return {
    get: (names) => models.find(({ key }) => key === names.join('/')),
    all: () => models,
  };
}

/** A bus whose messages a test can hold back, lose, repeat and reorder. */
export class UnreliableBus implements Bus {
  readonly #listeners = new Set<(changes: readonly CommittedChange[]) => void>();
  /** While set, published changes are collected here. */
  held: CommittedChange[] | undefined;

  publish(changes: readonly CommittedChange[]): void {
    if (this.held) this.held.push(...changes);
    else this.deliver(...changes);
  }

  deliver(...changes: CommittedChange[]): void {
    for (const onChanges of this.#listeners) onChanges(changes);
  }

  listen(onChanges: (changes: readonly CommittedChange[]) => void): () => void {
    this.#listeners.add(onChanges);
    return () => this.#listeners.delete(onChanges);
  }

  async ping(): Promise<void> {}
  async close(): Promise<void> {}
}

/** Counters by name and labels. */
export class FakeMetrics implements Metrics {
  readonly values = new Map<string, number>();

  counter(name: string): Counter {
    return {
      add: (amount = 1, ...labels) => {
        const key = [name, ...labels].join(' ');
        this.values.set(key, (this.values.get(key) ?? 0) + amount);
      },
    };
  }

  gauge() {
    return { set() {} };
  }
  observe() {}
  histogram() {
    return { record() {}, recordTraced() {} };
  }
}

export interface LiveSetup {
  readonly live: Live;
  readonly store: Store;
  readonly bus: UnreliableBus;
  readonly counts: FakeMetrics;
  readonly platform: ReturnType<typeof simulatedPlatform>;
  setModels(...models: Model[]): void;
  /** As `setModels`, and notifies the live layer like a reload. */
  reload(...models: Model[]): Promise<void>;
  create(r: string, data: JsonObject, by?: Actor): Promise<CommittedChange>;
  update(r: string, ...ops: FieldOp[]): Promise<CommittedChange>;
  set(r: string, data: JsonObject): Promise<CommittedChange>;
  remove(r: string): Promise<CommittedChange>;
  /** Like the command: pushes start after the response. */
  subscribe(connection: FakeConnection, ...items: SubscribeItemInput[]): Promise<JsonObject>;
  unsubscribe(connection: FakeConnection, ...items: (string | SubscribeItemInput)[]): unknown;
  /** Runs everything that does not wait for time. */
  settle(): Promise<void>;
}

export type SubscribeItemInput = string | Partial<Omit<SubscribeItem, 'target'>>;

export interface LiveSetupOptions {
  readonly models?: readonly Model[];
  readonly limits?: Partial<Limits>;
  readonly store?: Partial<StoreConfig>;
  /**
   * The clock advances at every reading, so that work yields as often as possible, after each
   * subscriber.
   */
  readonly isHurried?: boolean;
  /** Reads objects from memory; by default from the store. */
  readonly heads?: LiveOptions['objects']['heads'];
  readonly queryCharge?: LiveOptions['queryCharge'];
  /** Wraps the store of the live layer. */
  readonly wrap?: (store: Store) => Store;
}

/** A live layer on a memory store, and functions that write as an author. */
export async function setUpLive(options: LiveSetupOptions = {}): Promise<LiveSetup> {
  const platform = simulatedPlatform({ seed: 1 });
  if (options.isHurried) hurry(platform.clock);
  const store = openMemoryStore(options.store ?? {}, platform);
  const read = options.wrap?.(store) ?? store;
  const bus = new UnreliableBus();
  const counts = new FakeMetrics();
  let models = modelSet(...(options.models ?? [modelOf()]));
  const live = new Live({
    store: read,
    bus,
    models: () => models,
    platform,
    log: silentLog,
    metrics: counts,
    queryCharge: options.queryCharge,
    ...(options.isHurried && { pace: new FanOutPace(1) }),
    // As committed: there is no cache.
    objects: { heads: options.heads ?? ((rs) => read.getMany(rs)) },
    limits: { ...defaultLimits, ...options.limits },
  });
  await store.prepare(models.all().map(({ layout }) => layout));

  const versionOf = (r: string) => models.get(parseR(r)?.names ?? [])?.version ?? 1;
  const origin = (r: string, by: Actor = { uid: 'author' }) => {
    return { by, at: platform.clock.now(), modelVersion: versionOf(r) };
  };
  const commit = async (write: Write): Promise<CommittedChange> => {
    const [outcome] = await store.commit([{ writes: [write] }]);
    if (outcome?.kind !== 'committed') throw new Error(`not committed: ${outcome?.kind}`);
    const change = { ...write.change, pos: outcome.positions[0] ?? 0, object: write.object };
    bus.publish([change]);
    return change;
  };
  const headOf = async (r: string) => {
    const head = await store.get(r);
    if (!head) throw new Error(`there is no ${r}`);
    return head;
  };
  const update = async (r: string, ...ops: FieldOp[]) => {
    const head = await headOf(r);
    const result = applyOps(head.data, ops);
    if (!result.ok) throw new Error(JSON.stringify(result.errors));
    const { after, touched } = result;
    const delta = deltaOf(ops, head.data, after);
    return await commit(updateWrite(head, { data: after, delta, touched }, origin(r)));
  };

  return {
    live,
    store,
    bus,
    counts,
    platform,
    setModels: (...next) => {
      models = modelSet(...next);
    },
    reload: async (...next) => {
      const before = models;
      models = modelSet(...next);
      await store.prepare(models.all().map(({ layout }) => layout));
      live.reloaded(before, await store.position());
      await settle();
    },
    create: (r, data, by) => commit(createWrite(r, data, origin(r, by))),
    update,
    set: (r, data) =>
      update(
        r,
        ...Object.entries(data).map(([key, value]): FieldOp => ({ op: 'set', key, value })),
      ),
    remove: async (r) => commit(deleteWrite(await headOf(r), origin(r))),
    async subscribe(connection, ...items) {
      const requested = items.map((item) =>
        withCurrentView({ live, store }, connection, itemOf(item)),
      );
      const { start, ...result } = await live.subscribe(connection, requested);
      expect(connection.frames, 'the response comes before the first push').toEqual([]);
      start();
      await settle();
      const withoutViews = (key: string, value: unknown) => (key === 'view' ? undefined : value);
      return JSON.parse(JSON.stringify(bodyOf(result), withoutViews)) as JsonObject;
    },
    unsubscribe: (connection, ...items) => {
      return live.unsubscribe(connection, items.map(unsubscribeItemOf)).subscriptions;
    },
    settle,
  };
}

export function hurry(clock: Clock): void {
  const monotonic = clock.monotonic.bind(clock);
  let reads = 0;
  Object.defineProperty(clock, 'monotonic', { value: () => monotonic() + 20 * reads++ });
}

/**
 * Adds the current view to a revision, and turns a plain number into a position under that view.
 */
export function withCurrentView(
  { live, store }: Pick<LiveSetup, 'live' | 'store'>,
  { auth }: PushTarget,
  item: SubscribeItem,
): SubscribeItem {
  const { target, rev, pos } = item;
  const now = live.viewOf(target?.names ?? [], auth);
  if (now === undefined) return item;
  const { view = rev === undefined ? undefined : now } = item;
  const isPlain = pos !== undefined && /^\d{1,15}$/.test(pos);
  const positions = new Positions(() => store.epoch);
  return { ...item, view, pos: isPlain ? positions.text({ pos: Number(pos), view: now }) : pos };
}

export function itemOf(item: SubscribeItemInput): SubscribeItem {
  const given = typeof item === 'string' ? { r: item } : item;
  const { r = '' } = given;
  return { ...given, r, target: parseR(r) };
}

/** The response as the client sees it. */
export function bodyOf({
  subscriptions,
  failures,
}: Pick<SubscribeResult, 'subscriptions' | 'failures'>): object {
  const failed = failures.map(({ r, error }) => ({
    r,
    error,
    ...(error.meta && { meta: error.meta }),
  }));
  return {
    subscriptions: subscriptions.map(({ r, fields, view }) => ({ r, fields, view })),
    ...(failed.length > 0 && { failures: failed }),
  };
}

function unsubscribeItemOf(item: string | SubscribeItemInput): UnsubscribeItem {
  if (typeof item === 'string' && !item.startsWith('/')) return { kind: 'query', id: item };
  const { r, target, fields } = itemOf(item);
  return { kind: 'r', r, target, fields };
}

/** Runs promises that wait only for one another. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Makes the methods of a class instance enumerable, so that a spread copies them and some can be
 * replaced.
 */
export function bound<T extends object>(object: T): T {
  return new Proxy(object, {
    ownKeys: (target) => Reflect.ownKeys(Object.getPrototypeOf(target)),
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A store whose queries go through `ask`. */
export function withQueries(
  store: Store,
  ask: (run: () => ReturnType<Store['query']>, query: Query) => ReturnType<Store['query']>,
): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'query') return (query: Query) => ask(() => target.query(query), query);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
