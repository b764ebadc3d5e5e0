import type { Timers } from './platform.js';

/** Fetches a JSON document. Rejects where there is none in time, or it is too large. */
export type FetchJson = (url: string) => Promise<unknown>;

export interface FetchJsonOptions {
  readonly timers: Timers;
  /** Milliseconds for all of it. */
  readonly timeout: number;
  /** Bytes. */
  readonly largest: number;
}

/** Documents of others, over HTTP. Redirects are not followed: an address is what was configured. */
export function httpFetchJson({ timers, timeout, largest }: FetchJsonOptions): FetchJson {
  return async (url) => {
    const controller = new AbortController();
    const timer = timers.after(timeout, () => controller.abort(new Error('it took too long')));
    try {
      const headers = { accept: 'application/json' };
      const response = await fetch(url, { redirect: 'error', headers, signal: controller.signal });
      if (response.status !== 200) throw new Error(`the answer is ${response.status}`);
      return JSON.parse(await readText(response, largest)) as unknown;
    } finally {
      timer.cancel();
      // What was not read of an answer is not waited for.
      controller.abort();
    }
  };
}

async function readText({ body }: Response, largest: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > largest) throw new Error(`the answer has more than ${largest} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
