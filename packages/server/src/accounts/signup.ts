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
import type { CommandContext } from '../commands/services.js';
import { CreateCommand } from '../commands/write/create.js';
import { idAttempts } from '../commands/write/write-command.js';
import type { WriteAllResult } from '../objects/write-request.js';
import { type Account, accountR, authOf } from './account.js';
import type { AccountDeps } from './account-deps.js';
import type { AccountJob } from './account-jobs.js';
import type { FormerOwner } from './account-records.js';
import type { SignupRequest } from './credentials.js';
import { canonicalEmail } from './email/email.js';
import type { HashRequester } from './passwords/hash-limiter.js';

/** An account before its password is hashed. */
type NewAccount = Omit<Account, 'password'>;

/**
 * Creates an account and its user's object, both or none (rules PWD1 and PWD2). The address is
 * looked up and the object validated before the password is hashed, in the queue of the address: of
 * many concurrent signups with one address a single one costs a hash.
 */
export class Signup {
  readonly #deps: AccountDeps;

  constructor(deps: AccountDeps) {
    this.#deps = deps;
  }

  async run(request: SignupRequest, requester?: HashRequester): Promise<NewAccount> {
    let hashing: Promise<string> | undefined;
    const hash = () => {
      hashing ??= this.#deps.passwords.hash(request.password, requester);
      return hashing;
    };
    const { accounts, jobs } = this.#deps;
    const former = await this.#formerOwner(request);
    const gone = former.isLiving ? undefined : former.uid;
    const erases = gone === undefined ? [] : [accountR(gone)];
    for (let attempt = 1; ; attempt++) {
      const newAccount = this.#newAccount(request);
      const creation = this.#createUser(newAccount, request);
      const requests = [
        creation.request(),
        accounts.createEmailRequest(request.email, {
          uid: newAccount.uid,
          former,
          taken: emailTaken,
        }),
        accounts.createRequest(newAccount, hash),
      ];
      const followUps = [...jobs.emailTo('verify', newAccount.uid), ...revocationOf(gone)];
      const result = await jobs.write(requests, followUps, { erases });
      if (result.kind === 'committed') return newAccount;
      if (!isTaken(result) || attempt === idAttempts) throw refusal(result, creation);
    }
  }

  /**
   * The account that has the address; if its user was deleted, it is erased when the address is
   * taken.
   */
  async #formerOwner({ email }: SignupRequest): Promise<FormerOwner> {
    const { accounts } = this.#deps;
    const owner = await accounts.byEmail(email);
    const isLiving = owner !== undefined && !(await accounts.isAbandoned(owner));
    return { uid: owner?.uid, isLiving };
  }

  #newAccount({ email }: SignupRequest): NewAccount {
    const { services, config } = this.#deps;
    // One id for both, so that a rule that knows the uid finds the user's object, and the other way round.
    const uid = services.objects.newId();
    const r = `${config.users}/${uid}`;
    const { text } = email;
    return { uid, r, email: text, emailVerified: false, passwordChanges: 0, oneTimeTokens: [] };
  }

  /** The create by the new user. Throws 404 where there is no such model. */
  #createUser(newAccount: NewAccount, { rest }: SignupRequest): CreateCommand {
    const { services } = this.#deps;
    const auth = authOf(newAccount);
    const context: CommandContext = { services, auth };
    const target = parseR(newAccount.r);
    if (!target) throw fail('r.invalid');
    // As rules see it in the token, so that the two can be compared.
    const email = canonicalEmail(newAccount.email);
    const body = this.#hasEmail(target.names) ? withEmail(rest, email) : rest;
    const request: CreateRequest = { cmd: 'create', tag: 0, target, body, cmdOpts: {} };
    return new CreateCommand(context, request);
  }

  /** Whether the model has a field for the address that a create may write. */
  #hasEmail(names: readonly string[]): boolean {
    const field = this.#deps.services.models().get(names)?.fields.get('email');
    return field !== undefined && field.type !== 'Calculated';
  }
}

/** Revokes the tokens of an erased account. */
function revocationOf(former: string | undefined): AccountJob[] {
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

/** The generated id of the object was taken by a client. */
function isTaken(result: NotWritten): boolean {
  if (result.kind !== 'refused' || result.index !== 0) return false;
  const { error } = result;
  return error instanceof ProtocolError && error.message === 'object.already.exist';
}

function refusal(result: NotWritten, creation: CreateCommand): unknown {
  switch (result.kind) {
    case 'refused':
      return result.error;
    case 'unique':
    case 'missing':
      // `missing` beyond the creation means the former owner's account: another request was faster.
      return result.index === 0 ? creation.refusal(result) : emailTaken();
    case 'too-large':
      return fail('message.too.large');
    default:
      return new Error('a signup carries no once-key');
  }
}
