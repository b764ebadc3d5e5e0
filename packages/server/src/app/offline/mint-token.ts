import { type TokenClaims, Tokens } from '../../auth/tokens.js';
import { systemPlatform } from '../../platform/system.js';
import type { Config } from '../config/config-definition.js';
import { secretOf } from '../config/secret.js';

export interface MintRequest extends Omit<TokenClaims, 'expires'> {
  /** Milliseconds from now; missing: never. */
  readonly life?: number | undefined;
}

/** A token, signed as a server with this configuration would. */
export async function mintToken(config: Config, request: MintRequest): Promise<string> {
  const { life, ...claims } = request;
  const secret = secretOf(config, systemPlatform);
  const audience = config.values['auth.audience'];
  const tokens = new Tokens({ secret, audience, platform: systemPlatform });
  const expires = life === undefined ? undefined : systemPlatform.clock.now() + life;
  return await tokens.mint({ ...claims, expires });
}
