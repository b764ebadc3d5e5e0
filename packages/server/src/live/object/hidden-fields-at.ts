import type { Model } from '../../model/model.js';
import { pushView } from '../../model/view/view.js';
import { ownerOf } from '../../queries/owner.js';
import { FairHistoryReader } from '../catch-up/fair-history-reader.js';
import type { LiveContext } from '../live-context.js';
import type { PushTarget } from '../push-target.js';
import { dataAtRevision } from './data-at-revision.js';

/**
 * The fields that were hidden at a revision that the client received on an earlier connection. A
 * hook depends on the whole object, so the object is rebuilt from its history; `undefined` if that
 * does not reach back.
 */
export async function hiddenFieldsAt(
  context: LiveContext,
  model: Model,
  { r, rev, pushTarget }: { r: string; rev: number; pushTarget: PushTarget },
): Promise<readonly string[] | undefined> {
  const data = await dataAtRevision(
    new FairHistoryReader(context, ownerOf(pushTarget)),
    model,
    r,
    rev,
    (bytes) => void pushTarget.charge?.(bytes),
  );
  if (!data) return undefined;
  const { version } = model;
  const object = { r, rev, data, touched: {}, deleted: false, modelVersion: version };
  const view = await pushView(model, object, pushTarget.auth);
  return view.kind === 'visible' ? view.hidden : [...model.fields.keys()];
}
