import type { Auth } from '@really/protocol';
import type { Model, ModelSet } from '../model/model.js';
import { unspokenAccess } from '../model/rules/access.js';
import { noFieldRules } from '../model/rules/field-rules.js';
import type { CommandContext, Services } from './services.js';

/** The author of a post hook's write, as hooks see it, and subscribers in `opBy`. */
const hookAuth: Auth = { uid: '_system', authType: 'hook' };

const everything = unspokenAccess('development');

/**
 * The contexts in which post hooks (rule POST5) and cascades (rule CAS6) read and write. They are
 * privileged: no access rule applies, of a field either. Everything else applies: types, validations,
 * references, hooks.
 */
export class PrivilegedContexts {
  readonly #services: Services;
  readonly #unrestricted = new WeakMap<ModelSet, ModelSet>();

  constructor(services: Services) {
    this.#services = { ...services, models: () => this.#unrestrictedSet(services.models()) };
  }

  /** `hookDepth`: see `CommandContext`. `owner`: who its work counts for. */
  ofHook(hookDepth: number, owner?: string): CommandContext {
    return { services: this.#services, auth: hookAuth, hookDepth, owner };
  }

  /** As `ofHook`, for what a deletion by this user goes on with (rule CAS6). */
  ofCascade(
    auth: Auth,
    more: Pick<CommandContext, 'hookDepth' | 'cause' | 'owner'>,
  ): CommandContext {
    return { services: this.#services, auth, ...more };
  }

  #unrestrictedSet(models: ModelSet): ModelSet {
    const known = this.#unrestricted.get(models);
    if (known) return known;
    const opened = new Map<Model, Model>();
    for (const model of models.all()) {
      opened.set(model, { ...model, access: everything, fieldRules: noFieldRules });
    }
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
