import { printedCollection } from '@really/protocol';
import type { ModelSet } from '../model/model.js';
import type { Store } from '../store/store.js';
import type { Migrations } from './migrations.js';

/** Progress of a migration (rule MIG7), collection after collection. `collection`: printed R. */
export type MigrationEvent =
  /** `total` objects have an earlier version. */
  | { readonly kind: 'begun'; readonly collection: string; readonly total: number }
  /** `count` more objects were processed. */
  | { readonly kind: 'advanced'; readonly collection: string; readonly count: number }
  /** An object cannot be migrated. Only the first ones are reported. */
  | { readonly kind: 'failed'; readonly r: string; readonly reason: string }
  | {
      readonly kind: 'ended';
      readonly collection: string;
      readonly migrated: number;
      readonly failed: number;
    };

export interface MigrateAllDeps {
  readonly models: ModelSet;
  readonly migrations: Pick<Migrations, 'run'>;
  /** The store without migration. */
  readonly store: Pick<Store, 'countOutdated'>;
}

/** No events for collections without outdated objects. Rejects with `StoreUnavailable`. */
export async function migrateAll(
  { models, migrations, store }: MigrateAllDeps,
  onEvent: (event: MigrationEvent) => void,
): Promise<void> {
  for (const model of models.all()) {
    // No object can be older, and counting would scan the collection.
    if (model.currentFrom <= 1) continue;
    const total = await store.countOutdated(model.names, model.currentFrom);
    if (total === 0) continue;
    const collection = printedCollection(model.names);
    onEvent({ kind: 'begun', collection, total });
    let seen = 0;
    const failures = await migrations.run(model, (now) => {
      onEvent({ kind: 'advanced', collection, count: now - seen });
      seen = now;
    });
    for (const { r, reason } of failures.listed) onEvent({ kind: 'failed', r, reason });
    const failed = failures.count;
    onEvent({ kind: 'ended', collection, migrated: seen - failed, failed });
  }
}
