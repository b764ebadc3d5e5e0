import { idOf, type SortPosition } from '@really/protocol';
import type { Services } from '../../commands/services.js';
import { SystemRecords } from '../../objects/system-records.js';
import { accountsName, emailR, readAccount } from '../account.js';
import { parseEmail } from './email.js';

/** Accounts checked at once. */
const page = 1000;

/** Milliseconds that reading a page may take. */
const timeout = 60_000;

/** Under an id that no address has: all accounts of this database are migrated. */
const doneR = emailR('claimed-2');

/**
 * Makes older accounts known by every spelling of their addresses, once per database: they were
 * stored under ids that differed between spellings. The older of two accounts with one address gets
 * it.
 */
export async function claimEmails({ store, objects }: Services): Promise<void> {
  if (await store.get(doneR)) return;
  const scope = { names: [accountsName], parents: [] };
  // The stored order is not by time, so all are read before the first is claimed.
  const found: { at: string; uid: string; id: string }[] = [];
  for (let from: SortPosition | undefined; ; ) {
    const order = { keys: [{ field: '_r', descending: false }] };
    const accounts = await store.query({ scope, order, from, limit: page, timeout });
    for (const { data } of accounts) {
      const { uid, r, email } = readAccount(data);
      const parsed = parseEmail(email);
      if (parsed && parsed.id !== parsed.formerId) found.push({ at: idOf(r), uid, id: parsed.id });
    }
    const last = accounts.at(-1);
    if (!last || accounts.length < page) break;
    from = { values: [], r: last.r };
  }
  // The ids of their users grow with time.
  found.sort((a, b) => a.at.length - b.at.length || (a.at < b.at ? -1 : 1));
  const records = new SystemRecords(objects);
  for (const { uid, id } of found) await records.put(emailR(id), (held) => held ?? { uid });
  await records.put(doneR, () => ({}));
}
