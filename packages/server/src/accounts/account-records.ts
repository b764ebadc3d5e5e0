import { isId } from '@really/protocol';
import type { Objects } from '../objects/objects.js';
import type { SystemRecords } from '../objects/system-records.js';
import type { WriteRequest } from '../objects/write-request.js';
import { type Account, accountR, accountRecord, emailR, readAccount } from './account.js';
import { type Email, parseEmail } from './email/email.js';

/** What stands in for the uid of an address that nobody has: what is looked up then is the same. */
const dummyUid = 'nobody';

/** Who has an address when somebody asks for it. */
export interface FormerOwner {
  readonly uid: string | undefined;
  /** Its user was not deleted: it keeps the address. */
  readonly isLiving: boolean;
}

/** The accounts as they are stored. All methods reject with 503 where the store is away. */
export class AccountRecords {
  readonly #records: SystemRecords;
  readonly #objects: Pick<Objects, 'head'>;

  constructor(records: SystemRecords, objects: Pick<Objects, 'head'>) {
    this.#records = records;
    this.#objects = objects;
  }

  /**
   * As many reads for an address that nobody has as for one that somebody has. Who took an address in just this
   * spelling while others of it were others goes first: two of them may have accounts since then.
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

  /** Whether its id was another while accounts compared no more than case and composition. */
  isRespelled(email: string): boolean {
    const parsed = parseEmail(email);
    return parsed !== undefined && parsed.id !== parsed.formerId;
  }

  /** Keeps an empty record. */
  async markDone(r: string): Promise<void> {
    await this.#records.put(r, () => ({}));
  }

  /** Sees to it that an account is found by every spelling of its address, unless another has one of them. */
  async claimEmail({ uid, email }: Pick<Account, 'uid' | 'email'>): Promise<void> {
    const parsed = parseEmail(email);
    if (!parsed) return;
    await this.#records.put(emailR(parsed.id), (held) => held ?? { uid });
  }

  async byUid(uid: string): Promise<Account | undefined> {
    // A uid of a token that the app minted can be any text.
    const record = isId(uid) ? await this.#records.get(accountR(uid)) : undefined;
    return record && readAccount(record);
  }

  /** As `byUid`, unless the user's object was deleted. */
  async livingByUid(uid: string): Promise<Account | undefined> {
    const account = await this.byUid(uid);
    return account && !(await this.isAbandoned(account)) ? account : undefined;
  }

  /** True where the user's object was deleted: nobody logs in to that account again. */
  async isAbandoned({ r }: Account): Promise<boolean> {
    return (await this.#objects.head(r))?.deleted ?? true;
  }

  /** Changes an account that is there. What `change` throws refuses it. */
  updateRequest(uid: string, update: (held: Account) => Account): WriteRequest {
    return this.#records.request(accountR(uid), (held) => {
      if (!held) throw new Error('the account to be changed is not there');
      return accountRecord(update(readAccount(held)));
    });
  }

  /** As `changing`, by itself. Resolves when it is on disk. */
  async change(uid: string, change: (held: Account) => Account): Promise<void> {
    await this.#records.put(accountR(uid), (held) => {
      if (!held) throw new Error('the account to be changed is not there');
      return accountRecord(change(readAccount(held)));
    });
  }

  /** Takes an address that nobody has, or this former owner. What `taken` makes refuses it where another does, by whatever spelling. */
  createEmailRequest(
    email: Email,
    { uid, former, taken }: { uid: string; former: FormerOwner; taken: () => Error },
  ): WriteRequest {
    return this.#records.request(emailR(email.id), (held) => {
      if (former.isLiving || (held && held.uid !== former.uid)) throw taken();
      return { uid };
    });
  }

  /** Makes an account whose password's hash is known once all that comes before it is judged. */
  createRequest(account: Omit<Account, 'password'>, hash: () => Promise<string>): WriteRequest {
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
