import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';

interface HttpQuery {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The host name to send, if it is not the URL's: for one of several apps on this machine. */
  readonly host?: string | undefined;
}

/** Milliseconds after which a silent server is given up. */
const timeout = 10_000;

/**
 * Requests a response that arrives line by line, without a time limit. Resolves with the status; passes on lines of a
 * 200 only. Rejects if there is no response, or it breaks off, and with what `take` throws.
 */
export async function requestLines(
  question: HttpQuery,
  take: (line: string) => void,
): Promise<number> {
  const response = await responseTo(question);
  const { statusCode = 0 } = response;
  if (statusCode === 200) {
    for await (const line of createInterface({ input: response })) take(line);
  } else {
    response.resume();
    await finished(response);
  }
  return statusCode;
}

/** Sends an HTTP request. (`fetch` cannot send another host than its URL has.) */
export async function sendRequest(question: HttpQuery): Promise<{ status: number; text: string }> {
  const response = await responseTo(question, AbortSignal.timeout(timeout));
  return { status: response.statusCode ?? 0, text: await text(response) };
}

/** Throws a readable error if an operator's request was refused. */
export function assertAnswered(url: string, status: number): void {
  if (status === 403) {
    throw new Error(`the server at ${url} has another secret (REALLY_SECRET, or --secret)`);
  }
  if (status < 200 || status > 299) throw new Error(`the server at ${url} answered ${status}`);
}

function responseTo(
  { method, url, headers, host }: HttpQuery,
  signal?: AbortSignal,
): Promise<IncomingMessage> {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  const named = { ...headers, ...(host !== undefined && { host }) };
  const options = { signal, method, headers: named, servername: host };
  return new Promise((resolve, reject) => {
    send(url, options, resolve).on('error', reject).end();
  });
}
