import type { Model } from '../model/model.js';
import { pushView } from '../model/view.js';
import { ownerOf } from '../queries/owner.js';
import { dataAt } from './data-at.js';
import type { Listener } from './listener.js';
import type { LiveContext } from './live-context.js';
import { PastReads } from './past-reads.js';

/**
 * The fields that were hidden from a reader at a revision that it saw on an earlier connection. A hook
 * judges the whole object, so the object is built again from its creation on; `undefined` where the
 * history does not reach back that far.
 */
export async function hiddenBefore(
  context: LiveContext,
  model: Model,
  { r, rev, listener }: { r: string; rev: number; listener: Listener },
): Promise<readonly string[] | undefined> {
  const data = await dataAt(new PastReads(context, ownerOf(listener)), model, r, rev);
  if (!data) return undefined;
  const { version } = model;
  const object = { r, rev, data, touched: {}, deleted: false, modelVersion: version };
  const view = await pushView(model, object, listener.auth);
  return view.kind === 'visible' ? view.hidden : [...model.fields.keys()];
}
