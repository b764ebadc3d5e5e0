import { type Auth, applyDelta, type JsonObject } from '@really/protocol';
import type { Model } from '../model/model.js';
import { pushView } from '../model/view.js';
import type { Change } from '../store/store.js';
import type { LiveContext } from './live-context.js';
import { readWithRetry } from './store-retry.js';

const pageSize = 32;

/**
 * The fields that were hidden from a reader at a revision that it saw on an earlier connection. A hook
 * judges the whole object, so the object is built again from its creation on; `undefined` where the
 * history does not reach back that far.
 */
export async function hiddenBefore(
  context: LiveContext,
  model: Model,
  { r, rev, auth }: { r: string; rev: number; auth: Auth },
): Promise<readonly string[] | undefined> {
  const data = await dataAt(context, model, r, rev);
  if (!data) return undefined;
  const { version } = model;
  const object = { r, rev, data, touched: {}, deleted: false, modelVersion: version };
  const view = await pushView(model, object, auth);
  return view.kind === 'visible' ? view.hidden : [...model.fields.keys()];
}

async function dataAt(
  { store, platform }: LiveContext,
  model: Model,
  r: string,
  rev: number,
): Promise<JsonObject | undefined> {
  let data: JsonObject = {};
  for (let at = 0; at < rev; ) {
    const limit = Math.min(pageSize, rev - at);
    const { entries } = await readWithRetry(platform, () => store.history(r, at, limit));
    const last = entries.at(-1);
    if (!last || entries.some((change) => change.modelVersion !== model.version)) return undefined;
    data = entries.reduce(applied, data);
    at = last.rev;
  }
  return data;
}

function applied(data: JsonObject, { created, delta }: Change): JsonObject {
  return created ?? applyDelta(data, delta);
}
