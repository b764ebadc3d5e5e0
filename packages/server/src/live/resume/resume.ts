import { ProtocolError, parseR } from '@really/protocol';
import type { Steps } from '../../platform/scheduling/tick-slice.js';
import type { Under } from '../push/frame.js';
import { failedFrame, schemaUpdatedFrame } from '../push/push-message.js';
import type { PushTarget } from '../push-target.js';
import type { QuerySubscribeRequest, SubscribedQuery } from '../query/query-subscriptions.js';
import type { SubscribeResult } from '../subscribe.js';
import type { RequestedSubscription } from '../subscribe-checks.js';
import type { RebasedSubscriptions } from './rebase-resumable.js';

/** The parts of `Live` that resuming uses. */
interface ResumeTarget {
  inSlices<T>(steps: Steps<T>, address: string | undefined): Promise<T>;
  viewOf(names: readonly string[], auth: PushTarget['auth'], r: string): string | undefined;
  subscribe(
    pushTarget: PushTarget,
    items: readonly RequestedSubscription[],
  ): Promise<SubscribeResult>;
  subscribeQuery(
    pushTarget: PushTarget,
    request: QuerySubscribeRequest,
  ): Promise<Pick<SubscribedQuery, 'start'>>;
}

/** See `Live.resume`. */
export async function resume(
  live: ResumeTarget,
  pushTarget: PushTarget,
  { resumable, updated }: RebasedSubscriptions,
): Promise<() => void> {
  const items = await live.inSlices(requestedAgain(resumable), pushTarget.address);
  const begin = [await resumeItems(live, pushTarget, items)];
  for (const subscription of resumable) {
    if (subscription.kind === 'query')
      begin.push(await resumeQuery(live, pushTarget, subscription.key, subscription.request));
  }
  return () => {
    for (const names of updated) pushTarget.push(schemaUpdatedFrame(names));
    for (const start of begin) start();
  };
}

function* requestedAgain(
  resumable: RebasedSubscriptions['resumable'],
): Steps<readonly RequestedSubscription[]> {
  const items: RequestedSubscription[] = [];
  for (const subscription of resumable) {
    if ('item' in subscription) {
      const { item } = subscription;
      items.push({ ...item, target: parseR(item.r) });
    }
    yield;
  }
  return items;
}

async function resumeItems(
  live: ResumeTarget,
  pushTarget: PushTarget,
  items: readonly RequestedSubscription[],
): Promise<() => void> {
  if (items.length === 0) return () => {};
  const { failures, start } = await live.subscribe(pushTarget, items);
  return () => {
    for (const { r, error } of failures) {
      const under = underNow(live, pushTarget, { r, names: parseR(r)?.names });
      pushTarget.push(failedFrame(r, error, { under }));
    }
    start();
  };
}

async function resumeQuery(
  live: ResumeTarget,
  pushTarget: PushTarget,
  key: string,
  request: QuerySubscribeRequest,
): Promise<() => void> {
  try {
    const { start } = await live.subscribeQuery(pushTarget, { ...request, key });
    return start;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const { r, scope } = request;
    const under = underNow(live, pushTarget, { r, names: scope.names });
    return () => pushTarget.push(failedFrame(request.r, error, { subscription: key, under }));
  }
}

function underNow(
  live: ResumeTarget,
  { auth }: PushTarget,
  { r, names = [] }: { readonly r: string; readonly names: readonly string[] | undefined },
): Under | undefined {
  const view = live.viewOf(names, auth, r);
  return view === undefined ? undefined : { names, r, view };
}
