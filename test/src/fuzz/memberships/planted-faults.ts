/**
 * Loaded into a server before it starts, with the name of a fault in `PLANTED`: the fuzzer of memberships has to find
 * each of them.
 */
const server = new URL('../../../../packages/server/dist/', import.meta.url);

async function load<T>(path: string): Promise<T> {
  return (await import(new URL(path, server).href)) as T;
}

type Method = (this: object, ...args: never[]) => unknown;
type Class = { readonly prototype: Record<string, Method> };

/** Puts another method in the place of one. */
function replace(owner: Class, name: string, other: (original: Method) => Method): void {
  const original = owner.prototype[name];
  if (!original) throw new Error(`there is no ${name} any more`);
  owner.prototype[name] = other(original);
}

const faults: Readonly<Record<string, () => Promise<void>>> = {
  /** A change of a membership leaves live queries as they were. */
  'queries-deaf': async () => {
    const { LookupIndex } = await load<{ LookupIndex: Class }>('live/lookups/lookup-index.js');
    replace(LookupIndex, 'affectedBy', (original) => {
      return function (...args) {
        const found = original.apply(this, args) as { readonly kind: string }[];
        return found.filter(({ kind }) => kind !== 'query');
      };
    });
  },
  /** It takes effect after the next change only. */
  'one-late': async () => {
    const { LookupWatch } = await load<{ LookupWatch: Class }>('live/lookups/lookup-watch.js');
    replace(LookupWatch, 'receive', (original) => {
      let held: never | undefined;
      return function (change) {
        const before = held;
        held = change;
        if (before !== undefined) queueMicrotask(() => original.call(this, before));
      };
    });
  },
  /** Who comes back hears what was sent before, whatever their rights are by now. */
  'stale-replay': async () => {
    const { PushBuffer } = await load<{ PushBuffer: Class }>('gateway/resume/push-buffer.js');
    const { Live } = await load<{ Live: Class }>('live/live.js');
    const seen = new WeakMap<object, Map<string, unknown>>();
    replace(PushBuffer, 'isOutdated', () => () => false);
    // As if views told nothing of what other objects allow.
    replace(Live, 'viewOf', (original) => {
      return function (...args) {
        const known = seen.get(this) ?? new Map<string, unknown>();
        seen.set(this, known);
        const [, auth, r] = args as unknown as [unknown, { readonly uid: string }, string];
        const key = `${auth.uid} ${r}`;
        const view = known.get(key) ?? original.apply(this, args);
        known.set(key, view);
        return view;
      };
    });
  },
  /** A group that shares its rights is judged by what is stored now for its first member. */
  'newest-state': async () => {
    const { ViewTexts } = await load<{ ViewTexts: Class }>('model/view/view-text.js');
    replace(ViewTexts, 'at', (original) => {
      return function (...args) {
        return { ...(original.apply(this, args) as object), finder: undefined };
      };
    });
  },
  /** Lookups find objects that were deleted. */
  'deleted-answer': async () => {
    const { Objects } = await load<{ Objects: Class }>('objects/objects.js');
    replace(Objects, 'headsAtOnce', (original) => {
      type Heads = readonly ({ readonly deleted: boolean } | undefined)[];
      const alive = (heads: Heads) => heads.map((head) => head && { ...head, deleted: false });
      return function (...args) {
        const heads = original.apply(this, args) as Heads | Promise<Heads>;
        return heads instanceof Promise ? heads.then(alive) : alive(heads);
      };
    });
  },
};

const planted = process.env.PLANTED;
if (planted !== undefined) {
  const plant = faults[planted];
  if (!plant) throw new Error(`what is ${planted}?`);
  await plant();
}

export const faultNames = Object.keys(faults);
