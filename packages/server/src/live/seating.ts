import { type LiveContext, modelOf } from './live-context.js';
import type { Members } from './members.js';
import { collectionNamesOf, keptFields } from './model-change.js';
import type { Subscription } from './session.js';
import { traitsOf } from './subscribing.js';

/** Those that sit in an audience. */
type Seated = Exclude<Subscription, { kind: 'query' }>;

/**
 * Moves a subscription to the audience where it belongs by the models in force and the `auth` of its listener, if it does not sit
 * there already. One that is not live may sit in an earlier one until it is its turn to be read for: nothing is told to it there.
 */
export function seat(context: LiveContext, members: Members, one: Seated): void {
  const model = modelOf(context, collectionNamesOf(one));
  // Where the model is gone, the next push tells.
  if (!model) return;
  const fields = keptFields(model, one.audience.fields);
  const traits = traitsOf(context, model, fields, one.session.listener);
  if (traits.key === one.audience.key) return;
  if (one.kind === 'object') members.move(one, one.topic.audience(traits));
  else members.move(one, one.topic.audience(traits));
}
