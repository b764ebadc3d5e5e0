import type { PrivilegedWrites } from '../../../accounts/privileged-writes.js';
import type { Audit } from '../../../auth/audit.js';
import type { Issuer } from '../../../auth/oidc/issuer.js';
import type { Revocations } from '../../../auth/revocations.js';
import type { TokenLifetimes } from '../../../auth/token-lifetimes.js';
import type { Tokens } from '../../../auth/tokens.js';
import type { Platform } from '../../../platform/platform.js';
import type { AddressRates } from '../../limits/address-rates.js';
import type { CommandRates } from '../../limits/command-rates.js';
import type { ClientAddresses } from '../../server/client-addresses.js';
import type { Origins } from '../../server/origins.js';
import type { JsonLimits } from '../../websocket/parse-message.js';

export interface AuthRoutesOptions {
  readonly tokens: Tokens;
  readonly revocations: Revocations;
  readonly audit: Audit;
  readonly platform: Platform;
  readonly addresses: ClientAddresses;
  /** For anonymous tokens and wrong secrets, by address (rule LIM5). */
  readonly perAddress: Readonly<Record<'signup' | 'login', AddressRates>>;
  /** Web origins that may call. */
  readonly origins: Origins;
  readonly limited: (by: 'signup' | 'login') => void;
  /** For requests with a token. */
  readonly rates: CommandRates;
  /** JSON limits of a body. */
  readonly jsonLimits: JsonLimits;
  /** Limit of bytes per body from the app's own servers. */
  readonly message: number;
  /** The app's secret. */
  readonly secret: string;
  readonly privilegedWrites: PrivilegedWrites;
  readonly issuers: readonly Issuer[];
  readonly tokenLifetimes: TokenLifetimes;
}
