import type { Accounts } from '../../accounts/accounts.js';
import type { HashLimiter } from '../../accounts/passwords/hash-limiter.js';
import type { Services } from '../../commands/services.js';
import { Live } from '../../live/live.js';
import { CurrentStore } from '../../migration/current-store.js';
import { type MigrationEvent, migrateAll } from '../../migration/migrate-all.js';
import { Migrations } from '../../migration/migrations.js';
import { Objects } from '../../objects/objects.js';
import { Budgets } from '../../platform/budget.js';
import type { Log } from '../../platform/log.js';
import type { Metrics } from '../../platform/metrics.js';
import type { Platform } from '../../platform/platform.js';
import { systemPlatform } from '../../platform/system.js';
import type { Tracing } from '../../platform/tracing.js';
import type { DeadLetters } from '../../posthooks/dead-letters.js';
import { PostHooks } from '../../posthooks/post-hooks.js';
import { pageKeyOf } from '../../queries/page-tokenizer.js';
import { QueryLimiter } from '../../queries/query-limiter.js';
import type { Config } from '../config/config-definition.js';
import { exportLimits, limitsOf, objectsLimitsOf, postHookLimitsOf } from '../config/limits.js';
import { secretOf } from '../config/secret.js';
import { allStarted, started } from '../start-error.js';
import { accountsOf } from './accounts.js';
import { CurrentModels } from './current-models.js';
import { type AppAuth, openAuth } from './open-auth.js';
import { openBus } from './open-bus.js';
import { openKeys } from './open-keys.js';
import { openModels } from './open-models.js';
import { openStore } from './open-store.js';
import type { ShutdownStack } from './shutdown-stack.js';

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
  migrate(tell: (event: MigrationEvent) => void): Promise<void>;
  /** Loads its models again: see `ModelsInForce.reload`. Never rejects. */
  reload(): Promise<void>;
  /** Resolves when store and bus are reachable. */
  ready(): Promise<void>;
  /** Resolves when everything committed has been pushed. */
  settle(): Promise<void>;
}

export interface AppOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracing: Tracing | undefined;
  /** See `StoreOptions`. */
  readonly force: boolean;
  /** Limits the password hashes of all apps together. */
  readonly serverHashes: HashLimiter;
  /** Registers how to close what is opened here. */
  readonly shutdown: ShutdownStack;
}

/** Opens an app: everything of a server except its listeners. Throws a `StartError` for problems that an operator can fix. */
export async function openApp(config: Config, options: AppOptions): Promise<App> {
  const { log, metrics, tracing, serverHashes, shutdown } = options;
  const platform = systemPlatform;
  const budgets = new Budgets(metrics);
  const judging = started(() => secretOf(config, platform));
  const reading = openKeys(config.values['auth.keys'] ?? []);
  const opening = openModels(config, log, { metrics, budgets }).then((opened) => {
    shutdown.add(opened.close);
    return opened;
  });
  await allStarted<unknown>([judging, reading, opening]);
  const [secret, keys, opened] = [await judging, await reading, await opening];
  for (const warning of opened.warnings) log.warn({}, warning);
  const stored = await openStore(config, opened.models, { log, metrics, force: options.force });
  shutdown.add(() => stored.close());
  const modelsInForce = new CurrentModels(opened, log);
  const inForce = { models: modelsInForce.models, platform, log, metrics };
  const migrations = new Migrations({ ...inForce, store: stored });
  const store = new CurrentStore({ ...inForce, store: stored, migrations });
  const bus = openBus();
  shutdown.add(() => bus.close());

  const limits = limitsOf(config.values);
  exportLimits(config.values, metrics);
  const common = { ...inForce, budgets, store, bus };
  const objects = new Objects({
    ...common,
    limits: objectsLimitsOf(config.values),
    idsAfter: await store.newest(),
  });
  shutdown.add(() => objects.drain());
  const live = new Live({
    ...common,
    tracing,
    objects,
    published: () => objects.published(),
    limits,
  });
  shutdown.add(async () => live.close());
  const queryLimiter = new QueryLimiter({ limits, platform, metrics });
  const { publicData } = config.values;
  const outboxFull = () => postHooks.full;
  const services = {
    ...{ ...common, migrations, objects, live, limits, queryLimiter, outboxFull, publicData },
    pageKey: pageKeyOf(secret),
  };
  const postHooks: PostHooks = new PostHooks({
    ...{ services, bus, log, metrics },
    endpoints: config.values.webhooks,
    limits: postHookLimitsOf(config.values),
  });
  shutdown.add(() => postHooks.close());
  postHooks.start();
  const auth = await openAuth(config, { services, bus, secret, keys, log, metrics, shutdown });
  const accounts = accountsOf(config, { services, ...auth, serverHashes, log, metrics });
  shutdown.add(() => accounts.close());
  await accounts.open();
  return {
    clientid: config.clientid,
    ...{ config, platform, log, metrics, budgets, tracing },
    secret,
    services,
    deadLetters: postHooks.deadLetters,
    ...auth,
    accounts,
    migrate: (tell) => {
      return migrateAll({ models: modelsInForce.models(), store: stored, migrations }, tell);
    },
    reload: () => modelsInForce.reload({ store, objects, live }),
    async ready() {
      await Promise.all([store.ping(), bus.ping()]);
    },
    async settle() {
      await objects.drain();
      await live.settled();
    },
  };
}
