import type { Timers } from '../../platform/platform.js';
import type { SignedMessage } from './webhook-message.js';

export type PostResult =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfter: string | undefined }
  /** No response, and why, for operators. */
  | { readonly kind: 'failed'; readonly reason: string };

export interface PostOptions {
  readonly url: string;
  readonly timers: Timers;
  /** Milliseconds until the whole response must have arrived. */
  readonly timeout: number;
  /** Aborts it. */
  readonly signal: AbortSignal;
}

/** Maximum bytes of a response body to read, so that the connection can be reused. */
const mostOfBody = 64 * 1024;

/**
 * Posts a message, follows no redirect, and uses only the status and Retry-After of the response.
 * Never rejects.
 */
export async function post(
  { headers, body }: SignedMessage,
  { url, timers, timeout, signal }: PostOptions,
): Promise<PostResult> {
  const abort = new AbortController();
  const end = () => abort.abort();
  const timer = timers.after(timeout, end);
  signal.addEventListener('abort', end, { once: true });
  try {
    const response = await fetch(url, {
      method: 'POST',
      ...{ headers, body, redirect: 'manual', signal: abort.signal },
    });
    await drain(response);
    const retryAfter = response.headers.get('retry-after') ?? undefined;
    return { kind: 'answered', status: response.status, retryAfter };
  } catch (error) {
    if (abort.signal.aborted) return { kind: 'failed', reason: `no response within ${timeout} ms` };
    return { kind: 'failed', reason: reasonOf(error) };
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', end);
  }
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
