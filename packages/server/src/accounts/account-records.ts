import { fail, isId } from '@really/protocol';
import type { Objects } from '../objects/objects.js';
import { SystemRecords } from '../objects/system-records.js';
import type { WriteRequest } from '../objects/write-request.js';
import { type Account, accountR, accountRecord, emailR, readAccount } from './account.js';
import type { Email } from './email/email.js';

/** Stands in for the uid of an address without an account, so that the same lookups run. */
const dummyUid = 'nobody';

/** The stored accounts. All methods reject with 503 where the store is unavailable. */
export class AccountRecords {
  readonly #records: SystemRecords;
  readonly #objects: Objects;

  constructor(objects: Objects) {
    this.#records = new SystemRecords(objects);
    this.#objects = objects;
  }

  /**
   * Does as many reads for an address without an account as for one with. The account stored under
   * exactly this spelling, from when spellings were different addresses, comes first: two spellings
   * may have accounts since then.
   */
  async byEmail(email: Email | undefined): Promise<Account | undefined> {
    const former = await this.#ownerOf(email?.formerId);
    const now = await this.#ownerOf(email?.id);
    return former ?? now;
  }

  async #ownerOf(id = dummyUid): Promise<Account | undefined> {
    const owner = await this.#records.get(emailR(id));
    return await this.byUid(typeof owner?.uid === 'string' ? owner.uid : dummyUid);
  }

  async byUid(uid: string): Promise<Account | undefined> {
    // The uid of a token that the app minted can be any text.
    const record = isId(uid) ? await this.#records.get(accountR(uid)) : undefined;
    return record && readAccount(record);
  }

  /** As `byUid`, unless the user's object was deleted. */
  async livingByUid(uid: string): Promise<Account | undefined> {
    const account = await this.byUid(uid);
    return account && !(await this.isAbandoned(account)) ? account : undefined;
  }

  /** True where the user's object was deleted: nobody can log in to that account again. */
  async isAbandoned({ r }: Account): Promise<boolean> {
    return (await this.#objects.head(r))?.deleted ?? true;
  }

  /** Changes an existing account. What `update` throws refuses it. */
  updateRequest(uid: string, update: (held: Account) => Account): WriteRequest {
    return this.#records.request(accountR(uid), (held) => {
      if (!held) throw new Error('the account to be changed does not exist');
      return accountRecord(update(readAccount(held)));
    });
  }

  /** As `updateRequest`, alone. Resolves when it is on disk. */
  async change(uid: string, update: (held: Account) => Account): Promise<void> {
    await this.#objects.write(this.updateRequest(uid, update));
  }

  /**
   * Claims an address that is free, or whose former owner's user was deleted. Refused with
   * `emailTaken` where another account has it, in any spelling. `former`: the account that had it when
   * it was looked up; living, that is not deleted, it keeps the address.
   */
  createEmailRequest(
    email: Email,
    { uid, former }: { uid: string; former: { uid: string | undefined; isLiving: boolean } },
  ): WriteRequest {
    return this.#records.request(emailR(email.id), (held) => {
      if (former.isLiving || (held && held.uid !== former.uid)) throw emailTaken();
      return { uid };
    });
  }

  /** The hash of its password is made only once everything before it is validated. */
  createRequest(account: Omit<Account, 'password'>, hash: () => Promise<string>): WriteRequest {
    let password = '';
    const request = this.#records.request(accountR(account.uid), () =>
      accountRecord({ ...account, password }),
    );
    return {
      ...request,
      prepare: async (head, ...reads) => {
        password = await hash();
        return await request.prepare(head, ...reads);
      },
    };
  }
}

export function emailTaken(): Error {
  return fail('validation.failed', { email: ['value.not.unique'] });
}
