import type { Model, ModelSet } from '../../model/model.js';
import type { QueryResumeState } from '../query/query-subscriptions.js';
import { asOutdated } from '../query/query-window.js';
import { type ModelChange, modelChange, survivingFields } from '../reload/model-change.js';
import type { ResumableSubscription } from './resumable-subscription.js';

/** Resumable subscriptions, adapted to the current models. */
export interface RebasedSubscriptions {
  readonly resumable: readonly ResumableSubscription[];
  /** The names of the collections whose models changed: the client is sent `schemaUpdated`. */
  readonly updated: readonly (readonly string[])[];
}

/** Rule REL5. */
export function rebaseResumable(
  resumable: readonly ResumableSubscription[],
  models: ModelSet,
): RebasedSubscriptions {
  const updated = new Map<string, readonly string[]>();
  const all = resumable.map((subscription) => {
    if (subscription.kind === 'last-query' || subscription.kind === 'ended') return subscription;
    const { names, key } = subscription.model;
    const change = modelChange(subscription.model, models.get(names));
    // If the model was removed, subscribing reports it.
    if (!change?.after) return subscription;
    updated.set(key, names);
    return rebase(subscription, change.after, change);
  });
  return { resumable: all, updated: [...updated.values()] };
}

function rebase(
  subscription: Extract<ResumableSubscription, { model: Model }>,
  model: Model,
  { isOtherVersion }: ModelChange,
): ResumableSubscription {
  if (subscription.kind === 'item') {
    const { item } = subscription;
    const fields = survivingFields(model, item.fields);
    return { ...subscription, model, item: { ...item, fields } };
  }
  const { request } = subscription;
  const fields = survivingFields(model, request.fields);
  const resumeState = isOtherVersion ? asOtherVersion(request.resumeState) : request.resumeState;
  return { ...subscription, model, request: { ...request, fields, resumeState } };
}

/** Marks everything the client knows as outdated: no history crosses a version of a model. */
function asOtherVersion(resumeState: QueryResumeState | undefined): QueryResumeState | undefined {
  return (
    resumeState?.known && { ...resumeState, known: asOutdated(resumeState.known), isExact: false }
  );
}
