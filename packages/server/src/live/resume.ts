import { type ErrorBody, ProtocolError, parseR } from '@really/protocol';
import type { Under } from './frame.js';
import type { Listener } from './listener.js';
import type { Live } from './live.js';
import { failedFrame, schemaUpdatedFrame } from './push-message.js';
import type { WatchRequest } from './query-watch.js';
import type { Renewed } from './renewed.js';

interface Failure {
  readonly r: string;
  readonly error: ErrorBody;
  readonly meta?: { readonly retryAfter: number };
}

/** See `Live.resume`. */
export async function resume(
  live: Pick<Live, 'subscribe' | 'watch' | 'viewOf'>,
  listener: Listener,
  { parked, updated }: Renewed,
): Promise<() => void> {
  const items = parked.flatMap((one) => ('item' in one ? [one.item] : []));
  const begin = [await resumeItems(live, listener, items)];
  for (const one of parked) {
    if (one.kind === 'query') begin.push(await resumeQuery(live, listener, one.key, one.request));
  }
  return () => {
    for (const names of updated) listener.push(schemaUpdatedFrame(names));
    for (const start of begin) start();
  };
}

async function resumeItems(
  live: Pick<Live, 'subscribe' | 'viewOf'>,
  listener: Listener,
  items: Parameters<Live['subscribe']>[1],
): Promise<() => void> {
  if (items.length === 0) return () => {};
  const { body, start } = await live.subscribe(listener, items);
  const failures = (body.failures ?? []) as unknown as readonly Failure[];
  return () => {
    for (const { r, error, meta } of failures) {
      const under = underNow(live, listener, parseR(r)?.names);
      listener.push(failedFrame(r, new ProtocolError({ ...error, meta }), { under }));
    }
    start();
  };
}

async function resumeQuery(
  live: Pick<Live, 'watch' | 'viewOf'>,
  listener: Listener,
  key: string,
  request: WatchRequest,
): Promise<() => void> {
  try {
    const { start } = await live.watch(listener, { ...request, key });
    return start;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const under = underNow(live, listener, request.scope.names);
    return () => listener.push(failedFrame(request.r, error, { subscription: key, under }));
  }
}

function underNow(
  live: Pick<Live, 'viewOf'>,
  { auth }: Listener,
  names: readonly string[] = [],
): Under | undefined {
  const view = live.viewOf(names, auth);
  return view === undefined ? undefined : { names, view };
}
