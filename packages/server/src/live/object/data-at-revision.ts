import { applyDelta, type JsonObject } from '@really/protocol';
import type { Model } from '../../model/model.js';
import { estimateChangeBytes } from '../../objects/estimate-bytes.js';
import type { Change } from '../../store/stored-object.js';
import type { FairHistoryReader } from '../catch-up/fair-history-reader.js';

const pageSize = 32;

/**
 * Rebuilds an object's data at a revision from its creation; `undefined` if the history does not
 * reach back. `charge` is called with the bytes of each change that is read.
 */
export async function dataAtRevision(
  past: FairHistoryReader,
  model: Model,
  r: string,
  rev: number,
  charge: (bytes: number) => void,
): Promise<JsonObject | undefined> {
  let data: JsonObject = {};
  for (let at = 0; at < rev; ) {
    const { entries } = await past.history(r, at, Math.min(pageSize, rev - at));
    const last = entries.at(-1);
    if (!last || entries.some((change) => change.modelVersion !== model.version)) return undefined;
    for (const change of entries) charge(estimateChangeBytes({ change }));
    data = entries.reduce(dataAfter, data);
    at = last.rev;
  }
  return data;
}

/** `data`: before the change; `undefined` if unknown, which does not matter if it is the creation. */
export function dataAfter(
  data: JsonObject | undefined,
  { created, delta }: Pick<Change, 'created' | 'delta'>,
): JsonObject {
  return created ?? applyDelta(data ?? {}, delta);
}
