import { SetMap } from '../../platform/set-map.js';
import type { StoredFieldType } from '../../store/collection-layout.js';
import { isMistyped } from '../../store/order.js';
import type { CommittedChange } from '../../store/stored-object.js';
import { QueryIndex } from './index/query-index.js';
import type { QueryGroup } from './query-group.js';

/** The query groups of a collection, found by their filters, by their rows, and while they load. */
export class QueryTopic {
  /** The printed R, as subscribed. */
  readonly r: string;
  readonly groups = new Map<string, QueryGroup>();
  readonly #index = new QueryIndex<QueryGroup>();
  readonly #byObject = new SetMap<string, QueryGroup>();
  /** Groups that are loading receive every change. */
  readonly #loading = new Set<QueryGroup>();
  /** By field: the types that the filters of any group assume. */
  readonly #assumedTypes = new Map<string, StoredFieldType>();

  constructor(r: string) {
    this.r = r;
  }

  add(group: QueryGroup): void {
    this.groups.set(group.traits.key, group);
    this.#index.add(group, group.filters);
    for (const type of group.assumes) this.#assumedTypes.set(type.field, type);
  }

  delete(group: QueryGroup): void {
    this.groups.delete(group.traits.key);
    this.#index.delete(group, group.filters);
    this.#loading.delete(group);
    for (const r of group.tracked()) this.untrack(group, r);
  }

  /** The group has this object among its rows, or a pending change may add it. */
  track(group: QueryGroup, r: string): void {
    this.#byObject.add(r, group);
  }

  untrack(group: QueryGroup, r: string): void {
    this.#byObject.delete(r, group);
  }

  setLoading(group: QueryGroup, loading: boolean): void {
    if (loading) this.#loading.add(group);
    else this.#loading.delete(group);
  }

  /** The groups that a change may concern; `undefined`: see `QueryIndex.candidates`. */
  affectedGroups(change: CommittedChange): Iterable<QueryGroup | undefined> {
    const { data } = change.object;
    if (isMistyped(data, this.#assumedTypes.values())) return [...this.groups.values()];
    const others = [...this.#byObject.get(change.r), ...this.#loading];
    return this.#index.candidates(data, others);
  }
}
