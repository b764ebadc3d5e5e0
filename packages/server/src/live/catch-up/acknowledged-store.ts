import type { Store } from '../../store/store.js';
import type { LiveContext } from '../live-context.js';

/** The store's reads that the live layer pushes from. */
type Reads = Pick<Store, 'get' | 'getMany' | 'query' | 'history' | 'created' | 'changes'>;

/**
 * The store as the live layer reads it: a read resolves only after every write that it shows has
 * been acknowledged to its writer. A commit is on disk a moment before its command is answered, and
 * a push made from a read in that moment would overtake the answer (rule ONC6). `published`: see
 * `Committer.published`.
 */
export function acknowledgedStore(store: Store, published: () => Promise<void>): Store {
  const after = async <T>(reading: Promise<T>): Promise<T> => {
    const found = await reading;
    await published();
    return found;
  };
  const reads: Reads = {
    get: (r) => after(store.get(r)),
    getMany: (rs) => after(store.getMany(rs)),
    query: (query) => after(store.query(query)),
    history: (r, from, limit, patience) => after(store.history(r, from, limit, patience)),
    created: (scope, from, limit, patience) => after(store.created(scope, from, limit, patience)),
    changes: (scope, from, limit, patience) => after(store.changes(scope, from, limit, patience)),
  };
  return new Proxy(store, {
    get(target, name) {
      if (Object.hasOwn(reads, name)) return reads[name as keyof Reads];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** As `acknowledgedStore`, for what is read from memory. */
export function acknowledgedObjects(
  objects: LiveContext['objects'],
  published: () => Promise<void>,
): LiveContext['objects'] {
  return {
    async heads(rs, pause) {
      const heads = await objects.heads(rs, pause);
      await published();
      return heads;
    },
    newest: (object) => objects.newest?.(object) ?? object,
  };
}
