import { idOf, type SortPosition } from '@really/protocol';
import type { Store } from '../../store/store.js';
import { accountsName, emailR, readAccount } from '../account.js';
import type { AccountRecords } from '../account-records.js';

/** Accounts checked at once. */
const page = 1000;

/** Milliseconds that reading a page may take. */
const timeout = 60_000;

/**
 * Stored among the addresses, under an id that none of them has: all accounts of this database are
 * migrated.
 */
const doneR = emailR('claimed-2');

/**
 * Makes older accounts known by every spelling of their addresses, once per database: they were
 * stored under ids that differed between spellings. The older of two accounts with one address gets
 * it.
 */
export async function claimEmails(
  store: Pick<Store, 'query' | 'get'>,
  accounts: AccountRecords,
): Promise<void> {
  if (await store.get(doneR)) return;
  const scope = { names: [accountsName], parents: [] };
  // The stored order is not by time, so all are read before the first is claimed.
  const found: { at: string; uid: string; email: string }[] = [];
  for (let from: SortPosition | undefined; ; ) {
    const order = { keys: [{ field: '_r', descending: false }] };
    const objects = await store.query({ scope, order, from, limit: page, timeout });
    for (const { data } of objects) {
      const { uid, r, email } = readAccount(data);
      if (accounts.isRespelled(email)) found.push({ at: idOf(r), uid, email });
    }
    const last = objects.at(-1);
    if (!last || objects.length < page) break;
    from = { values: [], r: last.r };
  }
  // The ids of their users grow with time.
  found.sort((a, b) => a.at.length - b.at.length || (a.at < b.at ? -1 : 1));
  for (const account of found) await accounts.claimEmail(account);
  await accounts.markDone(doneR);
}
