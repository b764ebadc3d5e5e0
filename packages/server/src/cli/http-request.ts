import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createInterface } from 'node:readline';

export interface HttpQuery {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The host name to send, if it is not the URL's: for one of several apps on this machine. */
  readonly host?: string | undefined;
}

export interface HttpReply {
  readonly status: number;
  readonly text: string;
}

/** Milliseconds after which a silent server is given up. */
const timeout = 10_000;

/**
 * Requests a response that arrives line by line, without a time limit. Resolves with the status; passes on lines of a
 * 200 only. Rejects if there is no response, or it breaks off.
 */
export function requestLines(question: HttpQuery, take: (line: string) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = open(question, {}, (response) => {
      response.on('error', reject);
      if (response.statusCode !== 200) {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
        return;
      }
      const lines = createInterface({ input: response });
      lines.on('line', take);
      lines.on('close', () => resolve(200));
    });
    request.on('error', reject);
    request.end();
  });
}

/** Sends an HTTP request. (`fetch` cannot send another host than its URL has.) */
export function sendRequest(question: HttpQuery): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const options = { signal: AbortSignal.timeout(timeout) };
    const request = open(question, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    request.on('error', reject);
    request.end();
  });
}

/** Throws a readable error if an operator's request was refused. */
export function assertAnswered(url: string, status: number): void {
  if (status === 403) {
    throw new Error(`the server at ${url} has another secret (REALLY_SECRET, or --secret)`);
  }
  if (status < 200 || status > 299) throw new Error(`the server at ${url} answered ${status}`);
}

function open(
  { method, url, headers, host }: HttpQuery,
  options: { readonly signal?: AbortSignal },
  answered: (response: IncomingMessage) => void,
): ClientRequest {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  const named = host === undefined ? {} : { host };
  const all = { ...options, method, headers: { ...headers, ...named }, servername: host };
  return send(url, all, answered);
}
