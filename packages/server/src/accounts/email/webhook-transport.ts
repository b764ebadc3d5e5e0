import type { Platform } from '../../platform/platform.js';
import { WebhookSender } from '../../platform/standard-webhook.js';
import type { EmailTransport } from './account-email.js';

export interface WebhookTransportOptions {
  readonly url: string;
  /** `whsec_…`: signs the requests. */
  readonly secret: string;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
}

/** Milliseconds that the app may take. */
const timeout = 10_000;

const types = {
  reset: 'auth.password.reset',
  verify: 'auth.email.verify',
  changed: 'auth.password.changed',
} as const;

/** Passes emails to the app, which sends them as it likes (rule MAIL6). */
export function webhookTransport(options: WebhookTransportOptions): EmailTransport {
  const sender = new WebhookSender({ ...options, timeout });
  return {
    async send({ id, kind, to, uid, r, token, expires }) {
      const end = expires === undefined ? undefined : new Date(expires).toISOString();
      const result = await sender.send({
        id: `letter_${id}`,
        type: types[kind],
        at: options.platform.clock.now(),
        data: { email: to, uid, _r: r, token, expires: end },
      });
      if (result.kind === 'failed') throw new Error(result.reason);
      const { status } = result;
      if (status < 200 || status > 299) throw new Error(`the webhook answered ${status}`);
    },
  };
}
