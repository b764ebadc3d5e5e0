import type { Store } from '../../store/store.js';
import { accountsName, emailR, readAccount } from '../account.js';
import type { AccountRecords } from '../account-records.js';

/** Accounts that are looked at at once. */
const page = 1000;

/** Milliseconds that reading a page may take. */
const timeout = 60_000;

/** Kept among the addresses, under an id that is none of theirs: all accounts of this database were looked at. */
const doneR = emailR('claimed-2');

/**
 * Makes accounts of before known by every spelling of their addresses, once for each database: they were kept
 * under ids that told apart what is one address. The older of two accounts that have one address gets it.
 */
export async function claimEmails(
  store: Pick<Store, 'query' | 'get'>,
  accounts: AccountRecords,
): Promise<void> {
  if (await store.get(doneR)) return;
  const scope = { names: [accountsName], parents: [] };
  // No order that is kept is that of time, so all are read before the first claims anything.
  const found: { at: string; uid: string; email: string }[] = [];
  for (let from: { value: undefined; r: string } | undefined; ; ) {
    const order = { field: '_r', descending: false };
    const objects = await store.query({ scope, order, from, limit: page, timeout });
    for (const { data } of objects) {
      const { uid, r, email } = readAccount(data);
      if (accounts.isRespelled(email))
        found.push({ at: r.slice(r.lastIndexOf('/') + 1), uid, email });
    }
    const last = objects.at(-1);
    if (!last || objects.length < page) break;
    from = { value: undefined, r: last.r };
  }
  // The ids of their users grow with time.
  found.sort((a, b) => a.at.length - b.at.length || (a.at < b.at ? -1 : 1));
  for (const one of found) await accounts.claimEmail(one);
  await accounts.markDone(doneR);
}
