import type { Auth } from '@really/protocol';
import { lookupPattern, lookupR, patternOf } from '../../model/lookups/lookup.js';
import type { Model, ModelSet } from '../../model/model.js';
import type { Subscription } from '../registry/live-session.js';
import { collectionNamesOf } from '../reload/model-change.js';
import { type DependentModel, DependentModels, type LookupsOf } from './dependent-models.js';
import type { LookupRecorder } from './lookup-recorder.js';

/** What has rights: a subscription, or a connection in a room. */
export type RightsHolder =
  | Subscription
  | {
      readonly kind: 'object';
      readonly topic: { readonly r: string; readonly names: readonly string[] };
      readonly session: { readonly pushTarget: { readonly auth: Auth } };
    };

export interface LookupIndexOptions<Holder> {
  readonly models: () => ModelSet;
  /** All that were added, to enter them again when the models change. */
  readonly all: () => Iterable<Holder>;
  readonly lookupsOf?: LookupsOf | undefined;
}

/** Finds the subscriptions whose rights a change may alter, without looking at all of them. */
export class LookupIndex<Holder extends RightsHolder = Subscription> {
  readonly #options: LookupIndexOptions<Holder>;
  /** By the R, or the pattern of Rs, of what they look at. */
  readonly #byR = new SetMap<string, Holder>();
  /** By `Model.key`: what they look at is not known without their objects. */
  readonly #byModel = new SetMap<string, Holder>();
  readonly #placesOf = new Map<Holder, Places>();
  #models: ModelSet | undefined;
  #dependents: DependentModels | undefined;

  constructor(options: LookupIndexOptions<Holder>) {
    this.#options = options;
  }

  /** Those of the current models. */
  get dependents(): DependentModels {
    const models = this.#options.models();
    if (models === this.#models && this.#dependents) return this.#dependents;
    const dependents = new DependentModels(models, this.#options.lookupsOf);
    this.#models = models;
    this.#dependents = dependents;
    for (const subscription of [...this.#placesOf.keys()]) this.remove(subscription);
    for (const subscription of this.#options.all()) this.#enter(subscription);
    return dependents;
  }

  add(subscription: Holder): void {
    // After a reload it may have been entered by that already.
    if (this.dependents.size > 0 && !this.#placesOf.has(subscription)) this.#enter(subscription);
  }

  remove(subscription: Holder): void {
    const places = this.#placesOf.get(subscription);
    if (!places) return;
    this.#placesOf.delete(subscription);
    places.forget?.();
    for (const r of places.rs) this.#byR.delete(r, subscription);
    if (places.model !== undefined) this.#byModel.delete(places.model, subscription);
  }

  /** The `auth` of its connection changed, or its group. */
  update(subscription: Holder): void {
    this.remove(subscription);
    this.add(subscription);
  }

  /** Those that a change of this object affects, under these models; more rather than fewer. */
  affectedBy(r: string, dependents: readonly DependentModel[]): Holder[] {
    if (dependents.length === 0) return [];
    const candidates = new Set(this.#byR.get(r));
    for (const { model, use } of dependents) {
      const byPattern = this.#byR.get(patternOf(use.lookup.template, r));
      for (const subscription of byPattern) candidates.add(subscription);
      for (const subscription of this.#byModel.get(model.key)) candidates.add(subscription);
    }
    return [...candidates].filter((subscription) => {
      const model = this.#modelOf(subscription);
      return dependents.some((dependent) => {
        if (dependent.model !== model) return false;
        const watched = watchedBy(subscription, dependent);
        if (watched === 'recorded') return recorderOf(subscription)?.has(r) ?? true;
        const { template } = dependent.use.lookup;
        return watched === 'unknown' || watched === r || watched === patternOf(template, r);
      });
    });
  }

  #modelOf(subscription: Holder): Model | undefined {
    return this.#options.models().get(collectionNamesOf(subscription));
  }

  #enter(subscription: Holder): void {
    const model = this.#modelOf(subscription);
    const dependents = model ? this.dependents.of(model) : [];
    if (!model || dependents.length === 0) return;
    const watched = new Set(dependents.map((dependent) => watchedBy(subscription, dependent)));
    const recorder = watched.delete('recorded') ? recorderOf(subscription) : undefined;
    const isUnknown = watched.delete('unknown');
    watched.delete(undefined);
    const fixed = watched as ReadonlySet<string>;
    const rs = new Set(fixed);
    for (const r of rs) this.#byR.add(r, subscription);
    if (isUnknown) this.#byModel.add(model.key, subscription);
    const forget = recorder?.listen({
      onAdded: (r) => {
        rs.add(r);
        this.#byR.add(r, subscription);
      },
      onForgotten: (r) => {
        if (fixed.has(r)) return;
        rs.delete(r);
        this.#byR.delete(r, subscription);
      },
    });
    this.#placesOf.set(subscription, { rs, model: isUnknown ? model.key : undefined, forget });
  }
}

interface Places {
  readonly rs: ReadonlySet<string>;
  readonly model: string | undefined;
  /** Stops listening to its recorder. */
  readonly forget: (() => void) | undefined;
}

function recorderOf(subscription: RightsHolder): LookupRecorder | undefined {
  const isRecorded = subscription.kind === 'object' && 'group' in subscription;
  return isRecorded ? subscription.group.recorder : undefined;
}

/**
 * The object that a lookup finds for a subscription, or a pattern of those that it may find; `recorded`: what it found whenever the
 * subscription was authorized; `undefined`: none, or none that matters to it.
 */
function watchedBy(
  subscription: RightsHolder,
  { use: { lookup } }: DependentModel,
): string | 'unknown' | 'recorded' | undefined {
  const { kind, topic } = subscription;
  const { r } = topic;
  // Creations are authorized one by one; only what holds for the collection is kept.
  if (kind === 'collection' && lookup.reach !== 'collection') return undefined;
  if (lookup.needs.length > 0 || lookup.reach === 'content')
    return recorderOf(subscription) ? 'recorded' : 'unknown';
  const { auth } = subscription.session.pushTarget;
  const isOfMany = r.includes('/*/') || (lookup.reach === 'id' && kind === 'query');
  if (isOfMany) return lookupPattern(lookup.template, auth);
  const inputs = { auth, r, obj: undefined };
  return lookupR(lookup.template, inputs, new Map());
}

/** Sets by key, of which none is empty. */
class SetMap<K, V> {
  readonly #sets = new Map<K, Set<V>>();

  get(key: K): ReadonlySet<V> {
    return this.#sets.get(key) ?? new Set();
  }

  add(key: K, value: V): void {
    const set = this.#sets.get(key);
    if (set) set.add(value);
    else this.#sets.set(key, new Set([value]));
  }

  delete(key: K, value: V): void {
    const set = this.#sets.get(key);
    set?.delete(value);
    if (set?.size === 0) this.#sets.delete(key);
  }
}
