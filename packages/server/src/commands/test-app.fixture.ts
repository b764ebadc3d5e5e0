import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type Auth,
  type JsonObject,
  type JsonValue,
  ProtocolError,
  parseJson,
  parseRequest,
} from '@really/protocol';
import { CurrentModels } from '../app/serve/current-models.js';
import type { Bus } from '../bus/bus.js';
import { localBus } from '../bus/local/bus.js';
import { localRoomBus } from '../bus/local/room-bus.js';
import { Live } from '../live/live.js';
import type { PushTarget } from '../live/push-target.js';
import { CurrentStore } from '../migration/current-store.js';
import { Migrations } from '../migration/migrations.js';
import { loadModels } from '../model/load-models.js';
import { cannotRead, type ReadLookups } from '../model/lookups/lookup.js';
import type { ScriptResult } from '../model/model.js';
import type { Sandbox, SandboxProgram, SandboxSource } from '../model/sandbox/sandbox.js';
import { Objects } from '../objects/objects.js';
import { Budgets } from '../platform/budget.js';
import { defaultLimits, defaultRates, type Limits, type Rates } from '../platform/limits.js';
import { silentLog } from '../platform/log.js';
import { noMetrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import { type SimulatedPlatform, simulatedPlatform } from '../platform/simulated.js';
import { Rooms } from '../presence/rooms.js';
import { QueryLimiter } from '../queries/query-limiter.js';
import { openMemoryStore } from '../store/memory/store.js';
import type { Store } from '../store/store.js';
import type { CommittedChange } from '../store/stored-object.js';
import { type ObjectRequest, runCommand } from './command-table.js';
import type { Services } from './services.js';

/**
 * Files by their path in the models folder; a path that does not end in `.js` is a `model.yaml`.
 */
export type ModelFiles = Readonly<Record<string, string>>;

export interface TestApp {
  readonly services: Services;
  readonly platform: SimulatedPlatform;
  readonly store: Store;
  readonly bus: Bus;
  /** The changes published on the bus, once all are published. */
  publishedChanges(): Promise<CommittedChange[]>;
  /** Sends one message as this user and returns the response as on the wire, without its tag. */
  send(auth: Auth, message: JsonObject): Promise<JsonObject>;
  /** As `send`, from a connection. */
  sendFrom(pushTarget: PushTarget, message: JsonObject): Promise<JsonObject>;
  /** As `send`, with the text of the message. */
  sendText(auth: Auth, text: string): Promise<JsonObject>;
  /**
   * Replaces the files with the same names. Resolves with a function that makes the resulting
   * models current, over a few ticks.
   */
  reload(files: ModelFiles): Promise<() => Promise<void>>;
  /** A connection that receives pushes. */
  connect(auth: Auth): TestConnection;
  close(): Promise<void>;
}

export interface TestConnection {
  readonly pushTarget: PushTarget;
  readonly pushes: JsonObject[];
  send(message: JsonObject): Promise<JsonObject>;
}

export interface TestAppOptions {
  readonly models: ModelFiles;
  readonly mode?: 'development' | 'production' | undefined;
  readonly limits?: Partial<Limits> | undefined;
  readonly rates?: Partial<Rates> | undefined;
  readonly publicData?: readonly string[] | undefined;
  readonly open?: ((platform: Platform) => Store | Promise<Store>) | undefined;
}

/** Everything below the gateway, on a memory store and a simulated clock. */
export async function testApp(options: TestAppOptions): Promise<TestApp> {
  const platform = simulatedPlatform({ seed: 1 });
  const limits = { ...defaultLimits, ...options.limits };
  let files = options.models;
  let heads: ReadLookups = cannotRead;
  const readLookups: ReadLookups = (rs) => heads(rs);
  const load = async () => {
    return {
      models: await modelsOf({ ...options, models: files }, { platform, limits, readLookups }),
      warnings: [],
    };
  };
  let loaded = await load();
  const opened = { ...loaded, loadAgain: async () => loaded, close: async () => {} };
  const inForce = new CurrentModels(opened, silentLog);
  const { models } = inForce;
  const stored = (await options.open?.(platform)) ?? openMemoryStore({}, platform);
  await stored.prepare(
    models()
      .all()
      .map(({ layout }) => layout),
  );
  const migrations = new Migrations({ store: stored, models, platform, log: silentLog });
  const store = new CurrentStore({ store: stored, models, platform, migrations });
  const bus = localBus();
  const published: CommittedChange[] = [];
  bus.listen((changes) => published.push(...changes));
  const objects = new Objects({ store, bus, platform, log: silentLog, limits });
  heads = (rs) => objects.headsAtOnce(rs);
  const live = new Live({
    published: () => objects.published(),
    store,
    bus,
    models,
    platform,
    log: silentLog,
    objects,
    limits,
  });
  const budgets = new Budgets(noMetrics);
  const publicData = options.publicData ?? [];
  const rooms = new Rooms({
    ...{ bus, roomBus: localRoomBus(), models, objects, platform, budgets, limits, publicData },
    ...{ rates: { ...defaultRates, ...options.rates }, log: silentLog, metrics: noMetrics },
  });
  const services: Services = {
    models,
    migrations,
    objects,
    live,
    rooms,
    store,
    platform,
    limits,
    queryLimiter: new QueryLimiter({ limits, rates: defaultRates, budgets, platform }),
    budgets,
    publicData,
  };
  return {
    services,
    platform,
    store,
    bus,
    async reload(changed) {
      files = { ...files, ...changed };
      loaded = await load();
      return () => inForce.reload({ store, objects, live, rooms });
    },
    async publishedChanges() {
      await objects.drain();
      return published;
    },
    send: (auth, message) => send(services, { auth, push() {}, congested: false }, message),
    sendFrom: (pushTarget, message) => send(services, pushTarget, message),
    sendText: (auth, text) => sendText(services, { auth, push() {}, congested: false }, text),
    connect: (auth) => {
      const pushes: JsonObject[] = [];
      const pushTarget: PushTarget = {
        auth,
        congested: false,
        push: ({ text }) => pushes.push(JSON.parse(text) as JsonObject),
        pushEphemeral: ({ text }) => pushes.push(JSON.parse(text) as JsonObject) > 0,
      };
      return { pushes, pushTarget, send: (message) => send(services, pushTarget, message) };
    },
    async close() {
      await objects.drain();
      await store.close();
    },
  };
}

async function modelsOf(
  options: TestAppOptions,
  deps: { platform: Platform; limits: Limits; readLookups: ReadLookups },
) {
  const { platform, limits, readLookups } = deps;
  const dir = mkdtempSync(join(tmpdir(), 'really-models-'));
  try {
    for (const [path, content] of Object.entries(options.models)) {
      const file = join(dir, path.endsWith('.js') ? path : join(path, 'model.yaml'));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
    const loaded = await loadModels({
      dir,
      mode: options.mode ?? 'development',
      sandbox: directSandbox(),
      limits,
      now: () => platform.clock.now(),
      log: silentLog,
      readLookups,
    });
    if (loaded.kind === 'broken') throw new Error(JSON.stringify(loaded.problems, null, 2));
    return loaded.models;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Serializes in both directions, as a socket would. */
function send(
  services: Services,
  pushTarget: PushTarget,
  message: JsonObject,
): Promise<JsonObject> {
  return sendText(services, pushTarget, JSON.stringify({ tag: 1, ...message }));
}

async function sendText(
  services: Services,
  pushTarget: PushTarget,
  text: string,
): Promise<JsonObject> {
  const parsed = parseRequest(parseJson(text) as JsonObject);
  const r = parsed.ok && 'target' in parsed.request ? parsed.request.target.r : undefined;
  try {
    if (!parsed.ok) throw parsed.error;
    const context = { services, auth: pushTarget.auth, pushTarget };
    const reply = await runCommand(context, parsed.request as ObjectRequest);
    reply.afterwards?.();
    return JSON.parse(JSON.stringify(reply.body)) as JsonObject;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return JSON.parse(JSON.stringify({ r, error, meta: error.meta })) as JsonObject;
  }
}

/** Runs scripts in this realm: these tests are about commands and trust their own models. */
export function directSandbox(): Sandbox {
  const functions = new Map<number, (scope: Readonly<Record<string, unknown>>) => ScriptResult>();
  return {
    async compile(source): Promise<SandboxProgram> {
      const id = functions.size;
      functions.set(id, functionOf(source));
      return { kind: 'program', id, source };
    },
    async call(program, scope) {
      const run = functions.get(program.id);
      if (!run) throw new Error('not compiled');
      return run(JSON.parse(JSON.stringify(scope)) as Record<string, unknown>);
    },
    advance(program, scope) {
      return this.call(program, scope);
    },
    async close() {},
  };
}

class Cancelled {
  readonly code: number;
  readonly message: string;
  constructor(code: number, message: string) {
    this.code = code;
    this.message = message;
  }
}

function functionOf({ kind, source, parameters }: SandboxSource) {
  const names = parameters.filter((name) => name !== 'this');
  const body = {
    expression: `return (${source});`,
    body: source,
    function: `return (${source})(${names.join()});`,
  }[kind];
  const compiled = new Function('cancel', 'hide', 'print', ...names, body);
  return (scope: Readonly<Record<string, unknown>>): ScriptResult => {
    const hidden: string[] = [];
    const hide = (...fields: string[]) => hidden.push(...fields);
    const cancel = (code: number, message: string) => {
      throw new Cancelled(code, message);
    };
    try {
      const values = names.map((name) => scope[name]);
      const value: JsonValue | undefined = compiled(cancel, hide, () => {}, ...values);
      return { kind: 'returned', value, hidden };
    } catch (error) {
      if (error instanceof Cancelled) {
        return { kind: 'cancelled', code: error.code, message: error.message };
      }
      if (String(error).includes('stop')) {
        return { kind: 'stopped', reason: 'time', line: undefined };
      }
      return { kind: 'threw', message: String(error), line: undefined };
    }
  };
}
