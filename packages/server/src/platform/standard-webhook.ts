import { Webhook } from 'standardwebhooks';
import type { Platform } from './platform.js';

/** A message as Standard Webhooks describes it. */
export interface StandardWebhookMessage {
  /** The same in every attempt. */
  readonly id: string;
  readonly type: string;
  /** When it happened, milliseconds since the Unix epoch. */
  readonly at: number;
  /** As JSON. */
  readonly data: unknown;
}

export interface WebhookSenderOptions {
  /** `http:` or `https:`. */
  readonly url: string;
  /** `whsec_` and base64, or any other text. Without it the messages are not signed. */
  readonly secret?: string | undefined;
  /** Milliseconds that a response may take. */
  readonly timeout: number;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
}

export type WebhookResult =
  /** `retryAfter`: milliseconds that the receiver asks to wait. */
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfter: number | undefined }
  /** No response, and why, for operators. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Maximum bytes of a response body to read, so that the connection can be reused. */
const mostOfBody = 64 * 1024;

/**
 * Sends messages to one URL (rules POST8 and MAIL6). Follows no redirect, and uses only the status
 * and `Retry-After` of the response.
 */
export class WebhookSender {
  readonly #options: WebhookSenderOptions;
  readonly #signer: Webhook | undefined;

  /** Throws as `webhookSigner`. */
  constructor(options: WebhookSenderOptions) {
    this.#options = options;
    this.#signer = options.secret === undefined ? undefined : webhookSigner(options.secret);
  }

  /** Never rejects. `signal` aborts it. */
  async send(message: StandardWebhookMessage, signal?: AbortSignal): Promise<WebhookResult> {
    const { url, timeout, platform } = this.#options;
    const now = platform.clock.now();
    const abort = new AbortController();
    const end = () => abort.abort();
    const timer = platform.timers.after(timeout, end);
    signal?.addEventListener('abort', end, { once: true });
    try {
      const request = { ...this.#signed(message, now), method: 'POST' };
      const response = await fetch(url, { ...request, redirect: 'manual', signal: abort.signal });
      // The status decides, whatever becomes of the body.
      await drain(response).catch(() => {});
      const retryAfter = retryAfterOf(response.headers.get('retry-after'), now);
      return { kind: 'answered', status: response.status, retryAfter };
    } catch (error) {
      const reason = abort.signal.aborted ? `no response within ${timeout} ms` : reasonOf(error);
      return { kind: 'failed', reason };
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', end);
    }
  }

  #signed({ id, type, at, data }: StandardWebhookMessage, now: number) {
    const body = JSON.stringify({ type, timestamp: new Date(at).toISOString(), data });
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'user-agent': 'really',
      'webhook-id': id,
      'webhook-timestamp': `${Math.floor(now / 1000)}`,
    };
    if (this.#signer) headers['webhook-signature'] = this.#signer.sign(id, new Date(now), body);
    return { headers, body };
  }
}

/** Throws where the secret has no valid base64 after `whsec_`. */
export function webhookSigner(secret: string): Webhook {
  if (secret.startsWith('whsec_')) return new Webhook(secret);
  return new Webhook(Buffer.from(secret, 'utf8'), { format: 'raw' });
}

/** Milliseconds of a `Retry-After` header: seconds, or a date. `undefined` where it is neither. */
export function retryAfterOf(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

async function drain({ body }: Response): Promise<void> {
  if (!body) return;
  let bytes = 0;
  // Leaving the loop cancels the rest.
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > mostOfBody) return;
  }
}

/** Node's `fetch` hides what happened behind "fetch failed". */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}
