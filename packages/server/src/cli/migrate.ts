import type { Config } from '../app/config/config-definition.js';
import { operatorAccess } from '../app/config/operator-access.js';
import { appConfigs } from '../app/config/selected-apps.js';
import { migrateApp } from '../app/offline/migrate-app.js';
import { StartError } from '../app/start-error.js';
import type { MigrationEvent } from '../migration/migrate-all.js';
import type { Progress } from '../platform/progress.js';
import { StoreInUse } from '../store/store-errors.js';
import { appFlagOf, configInForce, type ProgramOptions } from './config-flags.js';
import { migrateOnServer } from './migrate-on-server.js';
import { openProgress } from './progress.js';
import { type ExitCode, printLine } from './report-error.js';

/**
 * `really migrate` (rule MIG7): migrates every object of the app, or of each of several. If a server has the data
 * open, it is asked to do it, with its current models.
 */
export async function migrate(options: ProgramOptions): Promise<ExitCode> {
  // Any configured secret will do: `start` checks whether it is fit for production.
  const server = configInForce('development', options);
  let failed = 0;
  for (const config of appConfigs(server, appFlagOf(options))) {
    const report = new MigrationReport(config.clientid, openProgress());
    try {
      await migrateOne(server, config, report.report);
      report.done();
    } finally {
      report.end();
    }
    failed += report.failed;
  }
  return failed > 0 ? 1 : 0;
}

async function migrateOne(
  server: Config,
  config: Config,
  report: (event: MigrationEvent) => void,
): Promise<void> {
  try {
    await migrateApp(config, report);
  } catch (error) {
    const isServed = error instanceof StartError && error.cause instanceof StoreInUse;
    if (!isServed) throw error;
    const access = operatorAccess(server, { app: config.clientid, secret: undefined });
    await migrateOnServer(access, report);
  }
}

/** How many of the objects that cannot be migrated are named individually. */
const mostNamed = 20;

/** Prints the progress of a migration, the objects that cannot be migrated, and a line for each collection. */
class MigrationReport {
  readonly #name: string;
  readonly #progress: Progress;
  readonly #failures: string[] = [];
  #collections = 0;
  failed = 0;

  constructor(clientid: string | undefined, progress: Progress) {
    this.#name = clientid === undefined ? '' : `${clientid}: `;
    this.#progress = progress;
  }

  readonly report = (event: MigrationEvent): void => {
    switch (event.kind) {
      case 'begun': {
        const doing = `${this.#name}migrating ${event.collection}`;
        this.#progress.begin({ doing, unit: 'objects', total: event.total });
        return;
      }
      case 'advanced':
        this.#progress.advance(event.count);
        return;
      case 'failed':
        if (this.#failures.length < mostNamed) this.#failures.push(`${event.r}: ${event.reason}`);
        return;
      default:
        this.#ended(event);
    }
  };

  /** Prints the summary. */
  done(): void {
    if (this.#collections === 0) this.#print('there is nothing to migrate');
  }

  /** Call it however the migration ended. */
  end(): void {
    this.#progress.end();
  }

  #ended({ collection, migrated, failed }: Extract<MigrationEvent, { kind: 'ended' }>): void {
    this.#progress.end();
    this.#collections += 1;
    this.failed += failed;
    for (const line of this.#failures) printLine(`${this.#name}${line}`);
    if (failed > this.#failures.length) {
      printLine(`${this.#name}… and ${failed - this.#failures.length} more`);
    }
    this.#failures.length = 0;
    const rest = failed === 0 ? '' : `, ${failed} cannot be migrated`;
    this.#print(
      `${collection}: ${migrated} ${migrated === 1 ? 'object' : 'objects'} migrated${rest}`,
    );
  }

  #print(line: string): void {
    process.stdout.write(`${this.#name}${line}\n`);
  }
}
