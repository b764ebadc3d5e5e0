import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface Question {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The name that is asked for, where it is not that of the URL: an app of several on this machine. */
  readonly host?: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Milliseconds until a server that says nothing is given up. */
const patience = 10_000;

/** Asks a server over HTTP. (`fetch` does not let a request name another host than its URL does.) */
export function ask({ method, url, headers, host }: Question): Promise<Answer> {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  const named = host === undefined ? {} : { host };
  return new Promise((resolve, reject) => {
    const options = {
      method,
      headers: { ...headers, ...named },
      servername: host,
      signal: AbortSignal.timeout(patience),
    };
    const request = send(url, options, (response) => {
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
