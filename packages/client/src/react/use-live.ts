import { useCallback, useMemo, useState, useSyncExternalStore } from 'react';
import type { KnownR } from '../models.js';
import type { ListQuery } from '../requests/list-query.js';
import { disabledResult, type LiveResult, loadingResult } from './live-result.js';
import { useProvided } from './provider.js';
import type { FieldNameOf, ItemOf, LiveOf, RegisteredModels } from './register.js';
import { type CopyTarget, copyTarget } from './shared-copies.js';
import { useOwnCreates } from './use-own-creates.js';

export interface LiveHookOptions {
  /** While another address or query loads, the value of the one before is shown, as `stale`. */
  readonly keepPrevious?: boolean | undefined;
}

export interface ListHookOptions extends LiveHookOptions {
  /**
   * Also shows what this client creates in the collection, from the write on until the list has it. It has the revision 0
   * and the fields of the create alone. For lists in which whatever is created here belongs.
   */
  readonly optimistic?: boolean | undefined;
}

/** An object, kept up to date while the component is there. Null: nothing. */
export function useObject<const R extends string>(
  r: KnownR<RegisteredModels, R> | null | undefined,
  options: LiveHookOptions = {},
): LiveResult<LiveOf<R>> {
  return useKept(useLive(targetOf(r)), options) as LiveResult<LiveOf<R>>;
}

/** The objects that a query finds, in its order, kept up to date while the component is there. Null: none. */
export function useCollection<const R extends string, const Field extends FieldNameOf<R> = never>(
  r: KnownR<RegisteredModels, R> | null | undefined,
  query: ListQuery<Field> = {},
  { optimistic = false, ...options }: ListHookOptions = {},
): LiveResult<readonly ItemOf<R, Field>[]> {
  const list = useKept(useLive(targetOf(r, query)), options);
  const result = useOwnCreates(optimistic ? r : null, query, list as LiveResult<never>);
  return result as LiveResult<readonly ItemOf<R, Field>[]>;
}

/** As `useObject`, but suspends until there is something to show. */
export function useSuspenseObject<const R extends string>(
  r: KnownR<RegisteredModels, R> | null | undefined,
): LiveResult<LiveOf<R>> {
  return useLoaded(targetOf(r)) as LiveResult<LiveOf<R>>;
}

/** As `useCollection`, but suspends until there is something to show. */
export function useSuspenseCollection<
  const R extends string,
  const Field extends FieldNameOf<R> = never,
>(
  r: KnownR<RegisteredModels, R> | null | undefined,
  query: ListQuery<Field> = {},
): LiveResult<readonly ItemOf<R, Field>[]> {
  return useLoaded(targetOf(r, query)) as LiveResult<readonly ItemOf<R, Field>[]>;
}

function targetOf(r: string | null | undefined, query?: ListQuery): CopyTarget | undefined {
  return typeof r === 'string' ? copyTarget(r, query) : undefined;
}

function useLive(target: CopyTarget | undefined): LiveResult<unknown> {
  const { copies, linger } = useProvided();
  const key = target?.key;
  // The same key is the same target.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the query is another object at each render
  const subscribe = useCallback(
    (listener: () => void) => (target ? copies.subscribe(target, listener, linger) : () => {}),
    [copies, key, linger],
  );
  const getSnapshot = () => (target ? copies.getSnapshot(target) : disabledResult);
  const getServerSnapshot = () => (target ? loadingResult : disabledResult);
  return useSyncExternalStore(subscribe, getSnapshot, getServerSnapshot);
}

function useLoaded(target: CopyTarget | undefined): LiveResult<unknown> {
  const { copies, linger } = useProvided();
  const result = useLive(target);
  if (target && result.status === 'loading') throw copies.load(target, linger);
  return result;
}

function useKept(
  result: LiveResult<unknown>,
  { keepPrevious = false }: LiveHookOptions,
): LiveResult<unknown> {
  const { client, copies } = useProvided();
  const getUid = () => (keepPrevious ? copies.uid : undefined);
  const uid = useSyncExternalStore(client.connection.subscribe, getUid, () => undefined);
  const [kept, setKept] = useState<{ readonly value: unknown; readonly uid: string | undefined }>();
  const { status, value } = result;
  const isNew = value !== kept?.value || uid !== kept?.uid;
  if (keepPrevious && value !== undefined && isNew) setKept({ value, uid });
  const isShown = keepPrevious && status === 'loading' && value === undefined;
  // What another user saw is none of this one's business.
  const shown = isShown && kept?.uid === uid ? kept?.value : undefined;
  return useMemo(
    () => (shown === undefined ? result : { ...result, value: shown, stale: true }),
    [result, shown],
  );
}
