import {
  type CreateRequest,
  fail,
  type JsonObject,
  type JsonValue,
  keepRounded,
  ProtocolError,
  parseR,
  setMember,
} from '@really/protocol';
import { Creation } from '../commands/creation.js';
import type { CommandContext, Services } from '../commands/services.js';
import { idAttempts } from '../commands/write-step.js';
import type { WriteAllResult } from '../objects/write-request.js';
import type { Log } from '../platform/log.js';
import { type Account, accountR, authOf } from './account.js';
import type { AccountRecords, FormerOwner } from './account-records.js';
import type { SignupRequest } from './credentials.js';
import { canonicalEmail } from './email.js';
import type { Errand } from './errand.js';
import type { Errands } from './errands.js';
import type { Asker } from './hash-slots.js';
import type { Passwords } from './passwords.js';

export interface SignupOptions {
  readonly services: Services;
  readonly accounts: AccountRecords;
  readonly passwords: Passwords;
  readonly errands: Errands;
  /** Whether letters can be sent. */
  readonly sendsLetters: boolean;
  /** `/users`: where the users' objects are made. */
  readonly users: string;
  readonly log: Log;
}

/** What is known of an account before its password is hashed. */
type Newcomer = Omit<Account, 'password'>;

const uidBytes = 16;

/**
 * Makes an account and its user's object, both or none (rules PWD1 and PWD2). The address is looked up and
 * the object judged before the password is hashed, in the line of the address: of many who sign up with
 * one address at once a single one costs a hash.
 */
export class Signup {
  readonly #options: SignupOptions;

  constructor(options: SignupOptions) {
    this.#options = options;
  }

  async run(request: SignupRequest, asker?: Asker): Promise<Newcomer> {
    let hashing: Promise<string> | undefined;
    const hash = () => {
      hashing ??= this.#options.passwords.hash(request.password, asker);
      return hashing;
    };
    const { accounts, errands } = this.#options;
    const former = await this.#formerOwner(request);
    const gone = former.isLiving ? undefined : former.uid;
    const erases = gone === undefined ? [] : [accountR(gone)];
    for (let attempt = 1; ; attempt++) {
      const newcomer = this.#newcomer(request);
      const creation = this.#creation(newcomer, request);
      const requests = [
        creation.request(),
        accounts.takingEmail(request.email, { uid: newcomer.uid, former, taken: emailTaken }),
        accounts.making(newcomer, hash),
      ];
      const follow = [...this.#letters(newcomer), ...farewellTo(gone)];
      const result = await errands.write(requests, follow, { erases });
      if (result.kind === 'committed') return newcomer;
      if (!isTaken(result) || attempt === idAttempts) throw refusal(result, creation);
    }
  }

  /** An account that has the address; where its user was deleted it goes when the address is taken. */
  async #formerOwner({ email }: SignupRequest): Promise<FormerOwner> {
    const { accounts } = this.#options;
    const owner = await accounts.byEmail(email);
    const isLiving = owner !== undefined && !(await accounts.isAbandoned(owner));
    return { uid: owner?.uid, isLiving };
  }

  #newcomer({ email }: SignupRequest): Newcomer {
    const { services, users } = this.#options;
    const uid = Buffer.from(services.platform.random.bytes(uidBytes)).toString('hex');
    const r = `${users}/${services.objects.newId()}`;
    const { text } = email;
    return { uid, r, email: text, emailVerified: false, passwordChanges: 0, letterTokens: [] };
  }

  /** The user's own create. Throws 404 where there is no such model. */
  #creation(newcomer: Newcomer, { rest }: SignupRequest): Creation {
    const { services, log } = this.#options;
    const auth = authOf(newcomer);
    const listener = { auth, congested: false, push() {} };
    const context: CommandContext = { services, auth, listener, log };
    const target = parseR(newcomer.r);
    if (!target) throw fail('r.invalid');
    // As rules see it in the token, so that the two can be compared.
    const email = canonicalEmail(newcomer.email);
    const body = this.#hasEmail(target.names) ? withEmail(rest, email) : rest;
    const request: CreateRequest = { cmd: 'create', tag: 0, target, body, cmdOpts: {} };
    return new Creation(context, request);
  }

  /** Whether the model has a field for the address that a create may write. */
  #hasEmail(names: readonly string[]): boolean {
    const field = this.#options.services.models().get(names)?.fields.get('email');
    return field !== undefined && field.type !== 'Calculated';
  }

  /** A signup does without a letter where too many wait: it can be asked for later. */
  #letters({ uid }: Newcomer): Errand[] {
    const { sendsLetters, errands } = this.#options;
    return sendsLetters && !errands.full ? [{ kind: 'verify', uid }] : [];
  }
}

/** Of an account that is erased nobody goes on. */
function farewellTo(former: string | undefined): Errand[] {
  return former === undefined ? [] : [{ kind: 'revoke', uid: former }];
}

function emailTaken(): Error {
  return fail('validation.failed', { email: ['value.not.unique'] });
}

function withEmail(rest: JsonObject, email: string): JsonObject {
  const body: Record<string, JsonValue> = { email };
  for (const [name, value] of Object.entries(rest)) setMember(body, name, value);
  keepRounded(rest, body);
  return body;
}

type NotWritten = Exclude<WriteAllResult, { kind: 'committed' }>;

/** A client had chosen the id that was made up for the object. */
function isTaken(result: NotWritten): boolean {
  if (result.kind !== 'refused' || result.index !== 0) return false;
  const { error } = result;
  return error instanceof ProtocolError && error.message === 'object.already.exist';
}

function refusal(result: NotWritten, creation: Creation): unknown {
  switch (result.kind) {
    case 'refused':
      return result.error;
    case 'unique':
    case 'missing':
      // What is missing beyond the creation is the former owner's account: somebody else was faster.
      return result.index === 0 ? creation.refusal(result) : emailTaken();
    case 'too-large':
      return fail('message.too.large');
    default:
      return new Error('a signup carries no once-key');
  }
}
