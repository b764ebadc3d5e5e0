import type { Live } from '../../live/live.js';
import type { ModelSet } from '../../model/model.js';
import type { Objects } from '../../objects/objects.js';
import type { Log } from '../../platform/log.js';
import type { Rooms } from '../../presence/rooms.js';
import type { Store } from '../../store/store.js';
import { UniqueClash } from '../../store/store-errors.js';
import { StartError, systemReason } from '../start-error.js';
import type { LoadedFolder, OpenModels } from './open-models.js';

/** Notified when models change. */
export interface ModelConsumers {
  readonly store: Pick<Store, 'prepare' | 'position'>;
  readonly objects: Pick<Objects, 'withWritesPaused' | 'modelsReplaced'>;
  readonly live: Pick<Live, 'reloaded'>;
  readonly rooms: Pick<Rooms, 'reloaded'>;
}

/**
 * The models of an app, which may be reloaded while it serves (section REL): loads them, prepares the
 * store, and notifies the subscriptions (`live/reload`) and the rooms.
 */
export class CurrentModels {
  readonly #opened: OpenModels;
  readonly #log: Log;
  #models: ModelSet;
  #last: Promise<void> = Promise.resolve();

  constructor(opened: OpenModels, log: Log) {
    this.#opened = opened;
    this.#log = log;
    this.#models = opened.models;
  }

  readonly models = (): ModelSet => this.#models;

  /**
   * Reloads the models and makes them current; calls run one after the other. If anything is wrong with them it is
   * logged, a line each as at a start, and the current models stay. Never rejects.
   */
  reload(consumers: ModelConsumers): Promise<void> {
    this.#last = this.#last.then(() => this.#reload(consumers));
    return this.#last;
  }

  async #reload(consumers: ModelConsumers): Promise<void> {
    try {
      const loaded = await this.#opened.loadAgain();
      const changed = changedKeys(this.#models, loaded.models);
      if (changed.length > 0) await this.#activate(loaded, consumers);
      const models = loaded.models.all().length;
      this.#log.info({ models, changed }, 'the models were loaded again');
    } catch (error) {
      for (const problem of problemsOf(error)) this.#log.error({}, problem);
      this.#log.error({}, 'the models were not loaded again; those that were in force stay');
    }
  }

  async #activate({ models, warnings }: LoadedFolder, consumers: ModelConsumers): Promise<void> {
    for (const warning of warnings) this.#log.warn({}, warning);
    const { store, objects, live, rooms } = consumers;
    await objects.withWritesPaused(async () => {
      await store.prepare(models.all().map(({ layout }) => layout));
      const pos = await store.position();
      const before = this.#models;
      this.#models = models;
      objects.modelsReplaced(new Set(changedKeys(before, models)));
      live.reloaded(before, pos);
      rooms.reloaded(pos);
    });
  }
}

function problemsOf(error: unknown): readonly string[] {
  if (error instanceof StartError) return error.problems;
  if (error instanceof UniqueClash) return [error.message];
  return [`the models cannot be loaded: ${systemReason(error)}`];
}

/** The collections whose models were added, removed or changed. */
function changedKeys(before: ModelSet, now: ModelSet): string[] {
  const gone = before.all().filter(({ names }) => !now.get(names));
  const others = now.all().filter(({ names, digest }) => before.get(names)?.digest !== digest);
  return [...gone, ...others].map(({ key }) => key);
}
