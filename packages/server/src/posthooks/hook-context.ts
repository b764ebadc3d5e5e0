import type { Auth } from '@really/protocol';
import type { CommandContext, Services } from '../commands/services.js';
import type { PushTarget } from '../live/push-target.js';
import type { Model, ModelSet } from '../model/model.js';
import { unspokenAccess } from '../model/rules/access.js';
import type { Log } from '../platform/log.js';

/** The author of a post hook's write, as hooks see it, and subscribers in `opBy`. */
const hookAuth: Auth = { uid: '_system', authType: 'hook' };

const everything = unspokenAccess('development');

/** Writes of a hook have no connection. */
const pushTarget: PushTarget = { auth: hookAuth, push() {}, congested: false };

/**
 * Rule POST5: the context in which writes of post hooks are validated. They are privileged: no
 * access rule applies. Everything else applies: types, validations, references, hooks.
 */
export class HookContext {
  readonly #services: Services;
  readonly #log: Log;
  readonly #unrestricted = new WeakMap<ModelSet, ModelSet>();

  constructor(services: Services, log: Log) {
    this.#log = log;
    this.#services = { ...services, models: () => this.#unrestrictedSet(services.models()) };
  }

  /** `hookDepth`: the number of post hooks that led to the write. */
  at(hookDepth: number): CommandContext {
    return { services: this.#services, auth: hookAuth, pushTarget, log: this.#log, hookDepth };
  }

  #unrestrictedSet(models: ModelSet): ModelSet {
    const known = this.#unrestricted.get(models);
    if (known) return known;
    const opened = new Map<Model, Model>();
    for (const model of models.all()) opened.set(model, { ...model, access: everything });
    const open: ModelSet = {
      get(names) {
        const model = models.get(names);
        return model && opened.get(model);
      },
      all: () => [...opened.values()],
    };
    this.#unrestricted.set(models, open);
    return open;
  }
}
