import type { ServerMessage } from '../../harness/client.js';
import type { Heard } from './membership-reader.js';
import type { RightsOracle } from './rights-oracle.js';

/** What is wrong with that somebody heard this, if anything. */
export function judgeHeard(
  oracle: RightsOracle,
  { text, message, isPush, moment }: Heard,
): string | undefined {
  const leak = oracle.leakIn(text, moment, isPush ? 'hear' : 'read');
  if (leak) return leak;
  if (!isPush || !message) return undefined;
  const told = revisionOf(message);
  if (!told) return undefined;
  const { r, rev } = told;
  if (message.evt === 'left' || message.evt === 'deleted')
    return oracle.mayTellOfEnd(moment, r, rev) ? undefined : `they may not hear of ${r}@${rev}`;
  if (oracle.could(moment, { r, rev, isPush }, ({ hear }) => hear)) return undefined;
  return `they may not hear of ${r}@${rev}`;
}

/** The revision that a push tells of. */
function revisionOf({ evt, r, rev, body }: ServerMessage) {
  if (evt === 'created' || evt === 'entered') return { r: String(body._r), rev: Number(body._rev) };
  if (evt === 'updated' || evt === 'snapshot' || evt === 'left' || evt === 'deleted')
    return { r: String(r), rev: Number(rev) };
  return undefined;
}
