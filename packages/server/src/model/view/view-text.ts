import { createHmac, randomFillSync } from 'node:crypto';
import type { Auth } from '@really/protocol';
import type { Epoch } from '../../store/store.js';
import { hasAllRights } from '../authority.js';
import type { LookupFinder } from '../lookups/lookup.js';
import type { AuthParts, Model } from '../model.js';
import { readsNothing } from '../script/auth-reads.js';
import { sharedRights } from './shared-rights.js';
import { groupKeyOf, pushLookups, viewReads } from './view.js';

/** Length of a view in characters: 96 bits. */
export const viewLength = 16;

/** The views of one model: one for everybody or, if its rules read `auth`, one for each reader. */
interface Known {
  /** `undefined`: its rights depend on other objects too. */
  readonly reads: AuthParts | undefined;
  shared: string | undefined;
  readonly byAuth: WeakMap<Auth, string>;
}

/**
 * A reader's view of a collection, as a short text: the same as long as the store, the model and the parts of the
 * reader that its rules read are the same, on every node and after a restart. It is keyed, so it reveals nothing of
 * the token. Computed once for each reader, so that pushes need not compute it.
 */
export class ViewTexts {
  readonly #epoch: () => Epoch;
  /** The inputs of `#known`. */
  #of: Epoch | undefined;
  #known = new WeakMap<Model, Known>();

  constructor(epoch: () => Epoch) {
    this.#epoch = epoch;
  }

  of(model: Model, auth: Auth): string {
    const epoch = this.#epoch();
    if (epoch !== this.#of) {
      this.#of = epoch;
      this.#known = new WeakMap();
    }
    const known = this.#knownOf(model);
    const { reads = readsNothing } = known;
    if (known.reads === undefined && !hasAllRights(auth)) return uniqueText();
    if (!reads.all && !reads.uid && !reads.r && !hasAllRights(auth)) {
      known.shared ??= textOf(epoch, model, '');
      return known.shared;
    }
    const before = known.byAuth.get(auth);
    if (before !== undefined) return before;
    const text = textOf(epoch, model, groupKeyOf(reads, auth));
    known.byAuth.set(auth, text);
    return text;
  }

  /**
   * As `of`, for objects at or below an R: where the rights depend on other objects, it is known what they amount to
   * there. Otherwise no two texts are the same, because what those objects allow may have changed since.
   */
  at(model: Model, auth: Auth, r: string): ViewAt {
    // An admin has all rights whatever other objects say.
    if (this.#knownOf(model).reads !== undefined || hasAllRights(auth)) {
      return { view: this.of(model, auth), isShared: true, finder: undefined };
    }
    const shared = sharedRights(model, auth, r);
    if (shared === undefined) return { view: uniqueText(), isShared: false, finder: undefined };
    const view = textOf(this.#epoch(), model, shared.key);
    return { view, isShared: true, finder: shared.finder };
  }

  /** The view of `at`, for many in a run in which nothing else happens: what is the same for all below one parent is found once. */
  inOneRun(): (model: Model, auth: Auth, r: string) => string {
    const byModel = new Map<Model, Map<Auth, Map<string, string>>>();
    return (model, auth, r) => {
      if (this.#knownOf(model).reads !== undefined) return this.of(model, auth);
      const parent = r.slice(0, r.lastIndexOf('/'));
      const views = within(within(byModel, model), auth);
      const view = views.get(parent) ?? this.at(model, auth, r).view;
      views.set(parent, view);
      return view;
    };
  }

  #knownOf(model: Model): Known {
    const before = this.#known.get(model);
    if (before) return before;
    const reads = pushLookups(model).length > 0 ? undefined : viewReads(model);
    const known: Known = { reads, shared: undefined, byAuth: new WeakMap() };
    this.#known.set(model, known);
    return known;
  }
}

function within<K, L, V>(maps: Map<K, Map<L, V>>, key: K): Map<L, V> {
  const known = maps.get(key) ?? new Map<L, V>();
  maps.set(key, known);
  return known;
}

/** A reader's view at an R. */
export interface ViewAt {
  readonly view: string;
  /** Whether another reader may have it, or the same one later; otherwise the text is unique. */
  readonly isShared: boolean;
  /** Finds what all readers with this view are authorized by; `undefined`: each is by what is stored. */
  readonly finder: LookupFinder | undefined;
}

const uniqueBytes = viewLength * 0.75;
/** Random bytes for a thousand texts: asking for a few at a time takes longer than all else here. */
const random = Buffer.alloc(1000 * uniqueBytes);
let used = random.length;

function uniqueText(): string {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  used += uniqueBytes;
  return random.toString('base64url', used - uniqueBytes, used);
}

function textOf({ id, secret }: Epoch, { key, version, digest }: Model, rights: string): string {
  const parts = JSON.stringify([id, key, version, digest, rights]);
  return createHmac('sha256', secret).update(parts).digest('base64url').slice(0, viewLength);
}
