import type { ChangeMeta } from '@really/protocol';
import { instantText } from '../../platform/instant-text.js';
import type { Change } from '../../store/stored-object.js';

/** Who made a change, when, and which deletion led to it. */
export type Authorship = Pick<Change, 'by' | 'at' | 'cause'>;

/** The members of a push's `meta` about the change that it reports (rules PSH8, ADM3 and CAS4). */
export function authorshipMeta({ by, at, cause }: Authorship): ChangeMeta {
  const meta: ChangeMeta = { opBy: by, at: instantText(at) };
  if (cause !== undefined) meta.cause = cause;
  return meta;
}
