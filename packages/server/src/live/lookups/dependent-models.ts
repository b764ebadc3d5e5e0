import { parseR } from '@really/protocol';
import { fieldAt } from '../../model/field-at.js';
import type { Insertion, Lookup, LookupUse } from '../../model/lookups/lookup.js';
import { insertionsOf } from '../../model/lookups/template-reads.js';
import type { Model, ModelSet } from '../../model/model.js';
import { pushLookups } from '../../model/view/view.js';
import { SetMap } from '../../platform/set-map.js';
import type { CommittedChange } from '../../store/stored-object.js';

/** By which lookups the rights in question are decided; for pushes `pushLookups`. */
export type LookupsOf = (model: Model) => readonly LookupUse[];

/** A model whose rights for a push depend on the objects that one of its lookups finds. */
export interface DependentModel {
  readonly model: Model;
  readonly use: LookupUse;
}

/** The dependent models of an app, by what they depend on. */
export class DependentModels {
  /** By the collection of the objects that are looked up, as `Model.key`; `undefined`: any. */
  readonly #byTarget = new SetMap<string | undefined, DependentModel>();
  readonly #byModel = new SetMap<Model, DependentModel>();

  constructor(models: ModelSet, lookupsOf: LookupsOf = pushLookups) {
    for (const model of models.all()) {
      for (const use of usesOf(lookupsOf(model))) {
        const dependent = { model, use };
        this.#byTarget.add(targetOf(use.lookup, model, models)?.join('/'), dependent);
        this.#byModel.add(model, dependent);
      }
    }
  }

  /** Number of dependent models. */
  get size(): number {
    return this.#byModel.size;
  }

  /** What the rights of this model depend on. */
  of(model: Model): ReadonlySet<DependentModel> {
    return this.#byModel.get(model);
  }

  /** Those whose rights this change may alter. */
  affectedBy(change: CommittedChange): DependentModel[] {
    if (this.size === 0) return [];
    const names = parseR(change.r)?.names.join('/') ?? '';
    return this.#on([names]).filter(({ use }) => isRead(use.members, change));
  }

  /** The others whose rights may depend on objects of these collections, once each. */
  on(collections: ReadonlySet<string>): Set<Model> {
    const models = this.#on([...collections]).map(({ model }) => model);
    return new Set(models.filter(({ key }) => !collections.has(key)));
  }

  #on(collections: readonly string[]): DependentModel[] {
    return [...collections, undefined].flatMap((target) => [...this.#byTarget.get(target)]);
  }

  /** All of them, once each. */
  all(): Set<Model> {
    return new Set([...this.#byModel].map(([model]) => model));
  }
}

/** These, and those that their templates use. */
function usesOf(direct: readonly LookupUse[]): LookupUse[] {
  const viaTemplates = direct.flatMap(({ lookup }) =>
    [...lookup.needs, lookup].flatMap(({ template }) =>
      insertionsOf(template).flatMap((part): LookupUse[] => {
        if (part.kind !== 'lookup') return [];
        const source = lookup.needs.find(({ name }) => name === part.name);
        return source ? [{ lookup: source, members: new Set(part.path.slice(0, 1)) }] : [];
      }),
    ),
  );
  return [...direct, ...viaTemplates];
}

function isRead(members: LookupUse['members'], { type, touched }: CommittedChange): boolean {
  if (type !== 'update' || members === 'all' || members.has('_rev')) return true;
  return Object.keys(touched).some((name) => members.has(name));
}

/** The collection whose objects a lookup finds; `undefined` if that depends on a token or on data. */
function targetOf(
  { template: { start, steps } }: Lookup,
  model: Model,
  models: ModelSet,
): readonly string[] | undefined {
  const names = steps.filter((step, index) => index % 2 === 0 && typeof step === 'string');
  if (start === undefined) return names as string[];
  const before = collectionOf(start, model, models);
  return before && [...before, ...(names as string[])];
}

/** The collection of the R that is inserted. */
function collectionOf(
  insertion: Insertion,
  model: Model,
  models: ModelSet,
): readonly string[] | undefined {
  if (insertion.kind === 'obj') return referenceAt(model, insertion.path);
  if (insertion.kind !== 'lookup') return undefined;
  const source = model.lookups.get(insertion.name);
  const target = source && targetOf(source, model, models);
  const owner = target && models.get(target);
  return owner && referenceAt(owner, insertion.path);
}

function referenceAt(model: Model, path: readonly string[]): readonly string[] | undefined {
  const field = fieldAt(model.fields, path);
  return field?.type === 'reference' ? field.collection : undefined;
}
