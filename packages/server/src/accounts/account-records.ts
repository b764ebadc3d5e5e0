import { isId } from '@really/protocol';
import type { Objects } from '../objects/objects.js';
import type { SystemRecords } from '../objects/system-records.js';
import type { WriteRequest } from '../objects/write-request.js';
import { type Account, accountR, accountRecord, emailR, readAccount } from './account.js';
import { type Email, parseEmail } from './email/email.js';

/** Stands in for the uid of an address without an account, so that the same lookups run. */
const dummyUid = 'nobody';

/** The owner of an address when somebody else asks for it. */
export interface FormerOwner {
  readonly uid: string | undefined;
  /** The user was not deleted, so the owner keeps the address. */
  readonly isLiving: boolean;
}

/** The stored accounts. All methods reject with 503 where the store is unavailable. */
export class AccountRecords {
  readonly #records: SystemRecords;
  readonly #objects: Pick<Objects, 'head' | 'write'>;

  constructor(records: SystemRecords, objects: Pick<Objects, 'head' | 'write'>) {
    this.#records = records;
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

  /**
   * True where the address has another id than in the time when only case and composition were
   * normalized.
   */
  isRespelled(email: string): boolean {
    const parsed = parseEmail(email);
    return parsed !== undefined && parsed.id !== parsed.formerId;
  }

  /** Stores an empty record. */
  async markDone(r: string): Promise<void> {
    await this.#records.put(r, () => ({}));
  }

  /**
   * Makes an account known by every spelling of its address, unless another account has one of
   * them.
   */
  async claimEmail({ uid, email }: Pick<Account, 'uid' | 'email'>): Promise<void> {
    const parsed = parseEmail(email);
    if (!parsed) return;
    await this.#records.put(emailR(parsed.id), (held) => held ?? { uid });
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

  /** Changes an existing account. What `change` throws refuses it. */
  updateRequest(uid: string, update: (held: Account) => Account): WriteRequest {
    return this.#records.request(accountR(uid), (held) => {
      if (!held) throw new Error('the account to be changed does not exist');
      return accountRecord(update(readAccount(held)));
    });
  }

  /** As `updateRequest`, alone. Resolves when it is on disk. */
  async change(uid: string, change: (held: Account) => Account): Promise<void> {
    await this.#objects.write(this.updateRequest(uid, change));
  }

  /**
   * Claims an address that is free or belongs to this former owner. Refused with the error that
   * `taken` makes where another account has it, in any spelling.
   */
  createEmailRequest(
    email: Email,
    { uid, former, taken }: { uid: string; former: FormerOwner; taken: () => Error },
  ): WriteRequest {
    return this.#records.request(emailR(email.id), (held) => {
      if (former.isLiving || (held && held.uid !== former.uid)) throw taken();
      return { uid };
    });
  }

  /**
   * Creates an account; the hash of its password is made only once everything before it is
   * validated.
   */
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
