import type { Timers } from './platform.js';

/** Fetches a JSON document. Rejects on a timeout, or if it is too large. */
export type FetchJson = (url: string) => Promise<unknown>;

export interface FetchJsonOptions {
  readonly timers: Timers;
  /** Milliseconds in total. */
  readonly timeout: number;
  /** Bytes. */
  readonly largest: number;
}

/**
 * Fetches documents over HTTP. Redirects are not followed: only the configured address is trusted.
 */
export function httpFetchJson({ timers, timeout, largest }: FetchJsonOptions): FetchJson {
  return async (url) => {
    const controller = new AbortController();
    const timer = timers.after(timeout, () => controller.abort(new Error('it took too long')));
    try {
      const headers = { accept: 'application/json' };
      const response = await fetch(url, { redirect: 'error', headers, signal: controller.signal });
      if (response.status !== 200) throw new Error(`the response is ${response.status}`);
      return JSON.parse(await readText(response, largest)) as unknown;
    } finally {
      timer.cancel();
      // Drops the rest of an unread response.
      controller.abort();
    }
  };
}

async function readText({ body }: Response, largest: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > largest) throw new Error(`the response has more than ${largest} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
