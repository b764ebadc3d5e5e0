import { Accounts } from '../../accounts/accounts.js';
import { argon2Hasher } from '../../accounts/passwords/argon2-hasher.js';
import type { HashLimiter } from '../../accounts/passwords/hash-limiter.js';
import type { Bus } from '../../bus/bus.js';
import type { Services } from '../../commands/services.js';
import type { Config } from '../config/config-definition.js';
import type { AppPorts } from './app-ports.js';
import { emailTransportOf } from './email-transport.js';
import type { AppAuth } from './open-auth.js';

export interface AccountsPorts extends AppPorts, Pick<AppAuth, 'tokens' | 'revocations' | 'audit'> {
  readonly services: Services;
  readonly bus: Bus;
  readonly serverHashes: HashLimiter;
}

/** The password accounts of an app. */
export function openAccounts({ values }: Config, ports: AccountsPorts): Accounts {
  const { platform } = ports;
  const hasher = argon2Hasher({
    memory: values['auth.hashMemory'],
    passes: values['auth.hashPasses'],
    random: platform.random,
  });
  const config = {
    users: values['auth.users'],
    signup: values['auth.signup'],
    tokenLife: values['auth.life.password'],
    concurrentHashes: values['limits.concurrentHashes'],
    queuedHashes: values['limits.queuedHashes'],
    pendingJobs: values['limits.pendingJobs'],
  };
  const emailTransport = emailTransportOf(values, platform);
  const revokeTokens = (uid: string) => ports.revocations.revokeUid(uid);
  return new Accounts({ ...ports, revokeTokens, hasher, emailTransport, config });
}
