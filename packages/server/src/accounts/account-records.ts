import { isId } from '@really/protocol';
import type { Objects } from '../objects/objects.js';
import type { SystemRecords } from '../objects/system-records.js';
import type { WriteRequest } from '../objects/write-request.js';
import { type Account, accountR, accountRecord, emailR, readAccount } from './account.js';
import type { Email } from './email.js';

/** What stands in for the uid of an address that nobody has: what is looked up then is the same. */
const nobody = 'nobody';

/** The accounts as they are stored. All methods reject with 503 where the store is away. */
export class AccountRecords {
  readonly #records: SystemRecords;
  readonly #objects: Pick<Objects, 'head'>;

  constructor(records: SystemRecords, objects: Pick<Objects, 'head'>) {
    this.#records = records;
    this.#objects = objects;
  }

  /** As many reads for an address that nobody has as for one that somebody has. */
  async byEmail(email: Email | undefined): Promise<Account | undefined> {
    const owner = await this.#records.get(emailR(email?.id ?? nobody));
    return await this.byUid(typeof owner?.uid === 'string' ? owner.uid : nobody);
  }

  async byUid(uid: string): Promise<Account | undefined> {
    // A uid of a token that the app minted can be any text.
    const record = isId(uid) ? await this.#records.get(accountR(uid)) : undefined;
    return record && readAccount(record);
  }

  /** True where the user's object was deleted: nobody logs in to that account again. */
  async isAbandoned({ r }: Account): Promise<boolean> {
    return (await this.#objects.head(r))?.deleted ?? true;
  }

  /** Changes an account that is there. What `change` throws refuses it. */
  changing(uid: string, change: (held: Account) => Account): WriteRequest {
    return this.#records.request(accountR(uid), (held) => {
      if (!held) throw new Error('the account to be changed is not there');
      return accountRecord(change(readAccount(held)));
    });
  }

  /** As `changing`, by itself. Resolves when it is on disk. */
  async change(uid: string, change: (held: Account) => Account): Promise<void> {
    await this.#records.put(accountR(uid), (held) => {
      if (!held) throw new Error('the account to be changed is not there');
      return accountRecord(change(readAccount(held)));
    });
  }

  /** Takes an address that nobody has, or this former owner. What `taken` makes refuses it where another does. */
  takingEmail(
    email: Email,
    { uid, former, taken }: { uid: string; former: string | undefined; taken: () => Error },
  ): WriteRequest {
    return this.#records.request(emailR(email.id), (held) => {
      if (held && held.uid !== former) throw taken();
      return { uid };
    });
  }

  /** Makes an account whose password's hash is known once all that comes before it is judged. */
  making(account: Omit<Account, 'password'>, hash: () => Promise<string>): WriteRequest {
    let password = '';
    const request = this.#records.request(accountR(account.uid), () =>
      accountRecord({ ...account, password }),
    );
    return {
      ...request,
      prepare: async (head, look) => {
        password = await hash();
        return await request.prepare(head, look);
      },
    };
  }
}
