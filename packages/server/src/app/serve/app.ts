import type { Accounts } from '../../accounts/accounts.js';
import type { HashLimiter } from '../../accounts/passwords/hash-limiter.js';
import { AuditLog } from '../../auth/audit.js';
import { localBus } from '../../bus/local/bus.js';
import { localRoomBus } from '../../bus/local/room-bus.js';
import { Cascades } from '../../cascades/cascades.js';
import type { Services } from '../../commands/services.js';
import type { DeadLetters } from '../../jobs/dead-letters.js';
import { Live } from '../../live/live.js';
import { CurrentStore } from '../../migration/current-store.js';
import { type MigrationEvent, migrateAll } from '../../migration/migrate-all.js';
import { Migrations } from '../../migration/migrations.js';
import { cannotRead, type ReadLookups } from '../../model/lookups/lookup.js';
import type { ModelSet } from '../../model/model.js';
import { Objects } from '../../objects/objects.js';
import { Budgets } from '../../platform/budget.js';
import type { Log } from '../../platform/log.js';
import type { Metrics } from '../../platform/metrics.js';
import type { Platform } from '../../platform/platform.js';
import type { Tracing } from '../../platform/tracing.js';
import { PostHooks } from '../../posthooks/post-hooks.js';
import { Rooms } from '../../presence/rooms.js';
import { pageKeyOf } from '../../queries/page-tokenizer.js';
import { QueryLimiter } from '../../queries/query-limiter.js';
import type { Store } from '../../store/store.js';
import type { Config } from '../config/config-definition.js';
import { exportLimits, limitsOf, ratesOf } from '../config/config-limits.js';
import { secretOf } from '../config/secret.js';
import { allStarted, started } from '../start-error.js';
import type { AppPorts } from './app-ports.js';
import { CurrentModels } from './current-models.js';
import { openAccounts } from './open-accounts.js';
import { type AppAuth, openAuth } from './open-auth.js';
import { openKeys } from './open-keys.js';
import { openModels } from './open-models.js';
import { openStore } from './open-store.js';

/** A running app: its models, its data, and its authorization. */
export interface App extends AppAuth {
  /** With several apps: its name before the domain. */
  readonly clientid: string | undefined;
  readonly config: Config;
  readonly secret: string;
  readonly services: Services;
  readonly accounts: Accounts;
  readonly deadLetters: DeadLetters;
  readonly platform: Platform;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The app's own limits. */
  readonly budgets: Budgets;
  readonly tracing: Tracing | undefined;
  /** Migrates every object: see `migrateAll`. */
  migrate(report: (event: MigrationEvent) => void): Promise<void>;
  /** Loads its models again: see `CurrentModels.reload`. Never rejects. */
  reload(): Promise<void>;
  /** Resolves when store and bus are reachable. */
  ready(): Promise<void>;
  /** Resolves when everything committed has been pushed. */
  settle(): Promise<void>;
}

export interface AppOptions extends AppPorts {
  readonly tracing: Tracing | undefined;
  /** See `StoreOptions`. */
  readonly force: boolean;
  /** Limits the password hashes of all apps together. */
  readonly serverHashes: HashLimiter;
}

/** Opens an app: everything of a server except its listeners. Throws a `StartError` for problems that an operator can fix. */
export async function openApp(config: Config, options: AppOptions): Promise<App> {
  const { platform, log, metrics, tracing, serverHashes, shutdown } = options;
  const ports = { platform, log, metrics, shutdown };
  const budgets = new Budgets(metrics);
  const lookups: LookupSource = { read: cannotRead };
  const readLookups: ReadLookups = (rs) => lookups.read(rs);
  const [secret, keys, opened] = await allStarted([
    started(() => secretOf(config, platform)),
    openKeys(config.values['auth.keys'] ?? []),
    openModels(config, log, { metrics, budgets, readLookups }).then((models) => {
      shutdown.add(models.close);
      return models;
    }),
  ]);
  for (const warning of opened.warnings) log.warn({}, warning);
  exportLimits(config.values, metrics);
  const stored = await openStore(config, opened.models, { log, metrics, force: options.force });
  shutdown.add(() => stored.close());
  const current = new CurrentModels(opened, log);
  const { models } = current;
  const parts = { ...ports, models, budgets, tracing, stored, secret, lookups };
  const { services, store, bus, migrations, postHooks } = await openData(config, parts);
  const auth = await openAuth(config, { ...ports, services, bus, secret, keys });
  const accounts = openAccounts(config, { ...ports, ...auth, services, bus, serverHashes });
  shutdown.add(() => accounts.close());
  await accounts.open();
  const { objects, live, rooms } = services;
  return {
    clientid: config.clientid,
    ...{ config, platform, log, metrics, budgets, tracing, secret, services, ...auth, accounts },
    deadLetters: postHooks.deadLetters,
    migrate: (report) => migrateAll({ models: models(), store: stored, migrations }, report),
    reload: () => current.reload({ store, objects, live, rooms }),
    async ready() {
      await Promise.all([store.ping(), bus.ping()]);
    },
    async settle() {
      await objects.drain();
      await live.settled();
      await rooms.settled();
    },
  };
}

/** Models are loaded before there is a store to look objects up in. */
interface LookupSource {
  read: ReadLookups;
}

interface DataPorts extends AppPorts {
  readonly lookups: LookupSource;
  readonly models: () => ModelSet;
  readonly stored: Store;
  readonly secret: string;
  readonly budgets: Budgets;
  readonly tracing: Tracing | undefined;
}

/** Everything that reads and writes objects, in front of the store. */
async function openData(config: Config, ports: DataPorts) {
  const { stored, secret, platform, log, metrics, budgets, tracing, models, shutdown } = ports;
  const current = { models, platform, log, metrics };
  const migrations = new Migrations({ ...current, store: stored });
  const store = new CurrentStore({ ...current, store: stored, migrations });
  const bus = localBus();
  shutdown.add(() => bus.close());
  const limits = limitsOf(config.values);
  const common = { ...current, budgets, store, bus, limits };
  const objects = new Objects({ ...common, idsAfter: await store.latestChangeTime() });
  ports.lookups.read = (rs) => objects.headsAtOnce(rs);
  shutdown.add(() => objects.drain());
  const rates = ratesOf(config.values);
  const queryLimiter = new QueryLimiter({ limits, rates, budgets, platform, metrics });
  const published = () => objects.published();
  const live = new Live({ ...common, tracing, objects, published, queryCharge: queryLimiter });
  shutdown.add(async () => live.close());
  const { publicData } = config.values;
  const rooms = new Rooms({ ...common, rates, objects, publicData, roomBus: localRoomBus(log) });
  shutdown.add(async () => rooms.close());
  const outboxFull = (owner: string) => postHooks.isFullFor(owner);
  const services: Services = {
    ...{ ...common, migrations, objects, live, rooms, queryLimiter, outboxFull, publicData },
    pageKey: pageKeyOf(secret),
    audit: new AuditLog({ log, metrics, clock: platform.clock }),
  };
  const postHooks: PostHooks = new PostHooks({
    ...{ services, bus, log, metrics },
    endpoints: config.values.webhooks,
  });
  shutdown.add(() => postHooks.close());
  postHooks.start();
  const { deadLetters } = postHooks;
  const cascades = new Cascades({ services, bus, log, metrics, deadLetters });
  shutdown.add(() => cascades.close());
  void cascades.start();
  return { services, store, bus, migrations, postHooks };
}
