import type { Auth } from '@really/protocol';
import type { CommandContext, Services } from '../commands/services.js';
import type { PushTarget } from '../live/push-target.js';
import type { Model, ModelSet } from '../model/model.js';
import { unspokenAccess } from '../model/rules/access.js';
import type { Log } from '../platform/log.js';

/** Whom hooks see behind a write of a post hook, and subscribers in `opBy`. */
const hookAuth: Auth = { uid: '_system', authType: 'hook' };

const everything = unspokenAccess('development');

/** The posts of a hook are nobody's connection. */
const pushTarget: PushTarget = { auth: hookAuth, push() {}, congested: false };

/**
 * Rule POST5: in which the writes of post hooks are judged. They have the authority of the app: no rule
 * of access is asked. All else is as for everybody: types, validations, references, hooks.
 */
export class HookContext {
  readonly #services: Services;
  readonly #log: Log;
  readonly #unrestricted = new WeakMap<ModelSet, ModelSet>();

  constructor(services: Services, log: Log) {
    this.#log = log;
    this.#services = { ...services, models: () => this.#unrestrictedSet(services.models()) };
  }

  /** `chain`: how many post hooks stand behind the write. */
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
