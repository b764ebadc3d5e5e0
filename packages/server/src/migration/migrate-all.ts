import type { ModelSet } from '../model/model.js';
import type { Store } from '../store/store.js';
import type { Migrations } from './migrations.js';

/** What is told while all objects of an app are migrated (rule MIG7). One collection follows the other, `collection` printed. */
export type MigrationEvent =
  /** `total` objects are of an earlier version. */
  | { readonly kind: 'begun'; readonly collection: string; readonly total: number }
  /** So many more were looked at. */
  | { readonly kind: 'advanced'; readonly collection: string; readonly count: number }
  /** One of them can not be migrated; only the first of these are told so. */
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
  /** As it is stored. */
  readonly store: Pick<Store, 'countOutdated'>;
}

/** Migrates every object of these models. Collections with nothing to migrate are not told of. Rejects with `StoreUnavailable`. */
export async function migrateAll(
  { models, migrations, store }: MigrateAllDeps,
  onEvent: (event: MigrationEvent) => void,
): Promise<void> {
  for (const model of models.all()) {
    // Nothing can be older than that, and to count would be to look at everything.
    if (model.currentFrom <= 1) continue;
    const total = await store.countOutdated(model.names, model.currentFrom);
    if (total === 0) continue;
    const collection = model.names.map((name) => `/${name}/*`).join('');
    onEvent({ kind: 'begun', collection, total });
    let seen = 0;
    const failures = await migrations.run(model, (progress) => {
      onEvent({ kind: 'advanced', collection, count: progress.seen - seen });
      seen = progress.seen;
    });
    for (const { r, reason } of failures.listed) onEvent({ kind: 'failed', r, reason });
    const failed = failures.count;
    onEvent({ kind: 'ended', collection, migrated: seen - failed, failed });
  }
}
