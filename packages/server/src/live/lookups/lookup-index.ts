import type { Auth } from '@really/protocol';
import { lookupPattern, lookupR, patternOf } from '../../model/lookups/lookup.js';
import type { Model, ModelSet } from '../../model/model.js';
import { SetMap } from '../../platform/set-map.js';
import type { CommittedChange } from '../../store/stored-object.js';
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
  /** By `Model.key`. */
  readonly #byModel = new Map<string, ModelHolders<Holder>>();
  readonly #placesOf = new Map<Holder, Places<Holder>>();
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
    for (const r of places.rs) places.among.byR.delete(r, subscription);
    places.among.unknown.delete(subscription);
  }

  /** The `auth` of its connection changed, or its group. */
  update(subscription: Holder): void {
    this.remove(subscription);
    this.add(subscription);
  }

  /**
   * Those that these changes affect, more rather than fewer, and the models of what they belong to. Objects that
   * change many times, and those that are affected by many of them, are looked at once.
   */
  affectedBy(changes: readonly CommittedChange[]): {
    holders: ReadonlySet<Holder>;
    models: ReadonlySet<Model>;
  } {
    const holders = new Set<Holder>();
    const affected = new Set<DependentModel>();
    const byR = new SetMap<string, DependentModel>();
    for (const change of changes) {
      for (const dependent of this.dependents.affectedBy(change)) {
        affected.add(dependent);
        byR.add(change.r, dependent);
      }
    }
    for (const [r, dependents] of byR) {
      for (const { model, use } of dependents) {
        const known = this.#byModel.get(model.key)?.byR;
        for (const holder of known?.get(r) ?? []) holders.add(holder);
        const byPattern = known?.get(patternOf(use.lookup.template, r)) ?? [];
        for (const holder of byPattern) holders.add(holder);
      }
    }
    for (const dependent of affected) {
      for (const holder of this.#byModel.get(dependent.model.key)?.unknown ?? []) {
        if (watchedBy(holder, dependent) === 'unknown') holders.add(holder);
      }
    }
    return { holders, models: new Set([...affected].map(({ model }) => model)) };
  }

  #enter(subscription: Holder): void {
    const model = this.#options.models().get(collectionNamesOf(subscription));
    if (!model) return;
    const dependents = this.dependents.of(model);
    if (dependents.size === 0) return;
    const watched = new Set([...dependents].map((dependent) => watchedBy(subscription, dependent)));
    const recorder = watched.delete('recorded') ? recorderOf(subscription) : undefined;
    const isUnknown = watched.delete('unknown');
    watched.delete(undefined);
    const fixed = watched as ReadonlySet<string>;
    const rs = new Set(fixed);
    const among = this.#among(model);
    for (const r of rs) among.byR.add(r, subscription);
    if (isUnknown) among.unknown.add(subscription);
    const forget = recorder?.listen({
      onAdded: (r) => {
        rs.add(r);
        among.byR.add(r, subscription);
      },
      onForgotten: (r) => {
        if (fixed.has(r)) return;
        rs.delete(r);
        among.byR.delete(r, subscription);
      },
    });
    this.#placesOf.set(subscription, { rs, among, forget });
  }

  #among({ key }: Model): ModelHolders<Holder> {
    const known = this.#byModel.get(key) ?? { byR: new SetMap(), unknown: new Set() };
    this.#byModel.set(key, known);
    return known;
  }
}

/** The holders of rights by one model. */
interface ModelHolders<Holder> {
  /** By the R, or the pattern of Rs, of what they look at. */
  readonly byR: SetMap<string, Holder>;
  /** What they look at is not known without their objects. */
  readonly unknown: Set<Holder>;
}

interface Places<Holder> {
  readonly rs: ReadonlySet<string>;
  readonly among: ModelHolders<Holder>;
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
