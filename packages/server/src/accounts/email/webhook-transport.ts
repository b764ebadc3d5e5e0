import { Webhook } from 'standardwebhooks';
import type { Platform } from '../../platform/platform.js';
import type { AccountEmail, EmailTransport } from './account-email.js';

export interface WebhookTransportOptions {
  readonly url: string;
  /** `whsec_…`: signs the requests. */
  readonly secret: string;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
}

/** Milliseconds that the app may take. */
const timeout = 10_000;

/**
 * Passes emails to the app, which sends them as it likes: a POST with the headers of Standard
 * Webhooks (rule MAIL6).
 */
export function webhookTransport({
  url,
  secret,
  platform,
}: WebhookTransportOptions): EmailTransport {
  const webhook = new Webhook(secret);
  return {
    async send(email) {
      const now = new Date(platform.clock.now());
      const body = bodyOf(email, now);
      const headers = {
        'Content-Type': 'application/json',
        'webhook-id': `letter_${email.id}`,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': webhook.sign(`letter_${email.id}`, now, body),
      };
      const late = new AbortController();
      const timer = platform.timers.after(timeout, () => late.abort());
      try {
        const answer = await fetch(url, {
          method: 'POST',
          headers,
          body,
          redirect: 'manual',
          signal: late.signal,
        });
        await answer.body?.cancel();
        if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
      } finally {
        timer.cancel();
      }
    },
  };
}

const types = {
  reset: 'auth.password.reset',
  verify: 'auth.email.verify',
  changed: 'auth.password.changed',
} as const;

function bodyOf({ kind, to, uid, r, token, expires }: AccountEmail, now: Date): string {
  return JSON.stringify({
    type: types[kind],
    timestamp: now.toISOString(),
    data: {
      email: to,
      uid,
      _r: r,
      token,
      expires: expires === undefined ? undefined : new Date(expires).toISOString(),
    },
  });
}
