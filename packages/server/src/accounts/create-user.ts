import { type Auth, type CreateRequest, fail, type JsonObject, parseR } from '@really/protocol';
import { Creation } from '../commands/creation.js';
import type { CommandContext, Services } from '../commands/services.js';
import { writeAlone } from '../commands/write-step.js';
import type { Log } from '../platform/log.js';

export interface UserMaking {
  readonly services: Services;
  readonly log: Log;
  /** Of the collection, or of the object that is to be. */
  readonly r: string;
}

/** The app itself, as hooks see it and as the changes that it makes are signed. */
const theApp: Auth = { uid: '_app', authType: 'app' };

/**
 * Makes a user's object by order of the app (rule AUT8): fields, references and on-validate.js are judged
 * as for every create, but no access rule is asked. Resolves with its R.
 */
export async function createUser(
  { services, log, r }: UserMaking,
  data: JsonObject,
): Promise<string> {
  const target = parseR(r);
  if (!target) throw fail('r.invalid');
  const listener = { auth: theApp, congested: false, push() {} };
  const context: CommandContext = { services, auth: theApp, listener, log };
  const request: CreateRequest = { cmd: 'create', tag: 0, target, body: data, cmdOpts: {} };
  const creation = new Creation(context, request, 'unrestricted');
  let made = '';
  await writeAlone(context, request, {
    request: () => creation.request(),
    get taken() {
      return creation.taken;
    },
    refusal: (found) => creation.refusal(found),
    reply: ({ object }) => {
      made = object.r;
      return {};
    },
    repeated: (first) => creation.repeated(first),
  });
  return made;
}
