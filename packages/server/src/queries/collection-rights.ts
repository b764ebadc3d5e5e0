import { isDeepStrictEqual } from 'node:util';
import { type Auth, fail, ProtocolError } from '@really/protocol';
import { type LookupScope, lookupScope } from '../model/lookups/find-lookups.js';
import type { LookupFinder } from '../model/lookups/lookup.js';
import type { Model, RuleDecision } from '../model/model.js';
import { ruleToRql } from '../model/rules/rule-to-rql.js';
import { pushLookups, scriptObject } from '../model/view/view.js';
import type { Scope } from '../store/store-reads.js';
import type { StoredObject } from '../store/stored-object.js';
import { type CandidateOptions, type Candidates, findCandidates } from './lookup-candidates.js';

export interface FoundRights {
  /** The objects that lookups find, as far as they are the same for all of the collection. */
  readonly scope: LookupScope;
  /** Set if the read rule, which no filter expresses, could be decided for all of it. */
  readonly isAllowed: boolean | undefined;
  /** Set if neither, but few objects can be visible. */
  readonly candidates: Candidates | undefined;
}

/** What of a reader's rights holds for a whole collection: found once, not for each object (rule LKP5). */
export class CollectionRights {
  readonly #model: Model;
  readonly #auth: Auth;
  readonly #scope: Scope;
  readonly #finder: LookupFinder;
  readonly #readCandidates: CandidateOptions['read'];
  #found: FoundRights = { scope: {}, isAllowed: undefined, candidates: undefined };

  constructor(
    model: Model,
    auth: Auth,
    {
      scope,
      finder = { read: model.readLookups },
      readCandidates,
    }: {
      readonly scope: Scope;
      readonly finder?: LookupFinder | undefined;
      readonly readCandidates: CandidateOptions['read'];
    },
  ) {
    this.#model = model;
    this.#auth = auth;
    this.#scope = scope;
    this.#finder = finder;
    this.#readCandidates = readCandidates;
  }

  /** Rejects where a rule was stopped or did not run, or what it looks at cannot be read. */
  async find(): Promise<FoundRights> {
    const scope = await this.#lookUp();
    const isAllowed = await this.#decide(scope);
    const candidates = isAllowed === undefined ? await this.#findCandidates(scope) : undefined;
    this.#found = { scope, isAllowed, candidates };
    return this.#found;
  }

  /** Whether the last result of `find` holds still. */
  async areSame(): Promise<boolean> {
    if (!this.#hasLookups) return true;
    const { scope, candidates } = this.#found;
    if (revisionsOf(await this.#lookUp()) !== revisionsOf(scope)) return false;
    if (candidates === undefined) return true;
    return isDeepStrictEqual(await this.#findCandidates(scope), candidates);
  }

  /** Reads in one go what the rules look at for these objects. */
  async prefetch(objects: readonly StoredObject[], finder: LookupFinder): Promise<void> {
    const uses = pushLookups(this.#model);
    if (uses.length === 0 || finder.known) return;
    const auth = this.#auth;
    await Promise.all(
      objects.map((object) =>
        lookupScope(uses, { auth, r: object.r, obj: scriptObject(object) }, finder),
      ),
    );
  }

  get #hasLookups(): boolean {
    return (this.#model.access.read.lookups ?? []).length > 0;
  }

  /** Below several parents each has its own. */
  get #hasOneParent(): boolean {
    return !this.#scope.parents.includes('*');
  }

  async #lookUp(): Promise<LookupScope> {
    if (!this.#hasLookups || !this.#hasOneParent) return {};
    const { lookups } = this.#model.access.read;
    const uses = lookups?.filter(({ lookup }) => lookup.reach === 'collection');
    return await lookupScope(uses, this.#inputs, this.#finder);
  }

  get #inputs() {
    const { names, parents } = this.#scope;
    const r = names.map((name, index) => `/${name}/${parents[index] ?? '*'}`).join('');
    return { auth: this.#auth, r, obj: undefined };
  }

  async #findCandidates(found: LookupScope): Promise<Candidates | undefined> {
    if (!this.#hasLookups || this.#finder.known) return undefined;
    if (ruleToRql(this.#model, this.#auth, found) !== undefined) return undefined;
    const [auth, scope, read] = [this.#auth, this.#scope, this.#readCandidates];
    return await findCandidates(this.#model, { auth, scope, found, read });
  }

  /** A rule that no filter expresses, such as one for the sandbox. */
  async #decide(found: LookupScope): Promise<boolean | undefined> {
    const { read } = this.#model.access;
    if (!read.isCollectionWide || (this.#hasLookups && !this.#hasOneParent)) return undefined;
    if (ruleToRql(this.#model, this.#auth, found) !== undefined) return undefined;
    return isAllowed(await read.decide({ ...this.#inputs, finder: this.#finder }));
  }
}

function isAllowed(decision: RuleDecision): boolean {
  if (decision instanceof ProtocolError) throw decision;
  if (decision === 'stopped') throw fail('internal.server.error');
  return decision === 'allowed';
}

function revisionsOf(scope: LookupScope): string {
  return JSON.stringify(scope, (key, value) => {
    const isObject = typeof value === 'object' && value !== null && '_rev' in value;
    return isObject && key !== '' ? [value._r, value._rev] : value;
  });
}
