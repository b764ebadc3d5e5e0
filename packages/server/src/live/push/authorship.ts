import type { ChangeMeta } from '@really/protocol';
import type { Change } from '../../store/stored-object.js';

/** Who made a change, when, and which deletion led to it. */
export type Authorship = Pick<Change, 'by' | 'at' | 'cause'>;

/** The members of a push's `meta` about the change that it reports (rules PSH8, ADM3 and CAS4). */
export function authorshipMeta({ by, at, cause }: Authorship): ChangeMeta {
  return { opBy: by, at: new Date(at).toISOString(), ...(cause !== undefined && { cause }) };
}
