import type { MigrationEvent } from '../migration/migrate-all.js';
import type { Progress } from '../platform/progress.js';
import { printLine } from './report-error.js';

/** How many of the objects that cannot be migrated are named individually. */
const mostNamed = 20;

/** Prints the progress of a migration, the objects that cannot be migrated, and a line for each collection. */
export class MigrationReport {
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
      case 'ended':
        this.#collection(event);
        return;
      default:
        event satisfies never;
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

  #collection({ collection, migrated, failed }: Extract<MigrationEvent, { kind: 'ended' }>): void {
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
