import { errorTable } from '@really/protocol';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { type RawResponse, rawRequest, sendRaw } from '../harness/raw-http.js';
import { testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { wireServer } from '../wire/wire-server.js';
import { fillFuzzApp, fuzzApp, secretMarker } from './fuzz-app.js';
import { type FuzzedRequest, fuzzedRequest } from './rest-arbitraries.js';

const server = wireServer(
  { REALLY_RATE_COMMANDS: '0', REALLY_RATE_ADDRESS: '0', REALLY_RATE_SIGNUP: '0' },
  fuzzApp,
);

const authorization = `Bearer ${signToken({ uid: 'fuzzer' }, testSecret)}`;

beforeAll(() => fillFuzzApp(server));

/** Statuses that say that all is well, or that HTTP itself was misspoken. */
const plain = new Set([200, 201, 204, 304, 400, 404, 405, 408, 417, 426, 431]);

/** Errors that a socket cannot have. */
const overHttp: Readonly<Record<string, number>> = {
  'revision.required': 428,
  'request.timeout': 408,
  'headers.too.large': 431,
  'content.type.unsupported': 415,
};

/** An answer is one of section HTTP, or an error of the table; nothing is ever the server's own fault. */
function check(answer: RawResponse, asked: string): void {
  const { status, headers, body } = answer;
  expect(status, asked).toBeLessThan(500);
  expect(body, asked).not.toContain(secretMarker);
  expect(body, asked).not.toMatch(/FST_|node_modules|\bat \S+ \(/);
  if (body === '' || headers['content-type']?.startsWith('application/json') !== true) {
    expect(plain.has(status) || asked.startsWith('HEAD'), `${asked}\n${status} ${body}`).toBe(true);
    return;
  }
  const { error, code, reason } = JSON.parse(body) as {
    error?: { code: number; message: string };
    code?: number;
    reason?: string;
  };
  if (error === undefined) {
    if (reason !== undefined) expect(code, asked).toBe(status);
    expect(plain.has(status), `${asked}\n${status} ${body}`).toBe(true);
  } else {
    const known = errorTable as Record<string, { code: number } | undefined>;
    const expected = overHttp[error.message] ?? known[error.message]?.code;
    expect([error.code, status], `${asked}\n${body}`).toEqual([expected, expected]);
  }
}

function bytesOf({ method, path, query, headers, body }: FuzzedRequest): string {
  const line = `${method} ${path}${query === '' ? '' : `?${query}`}`.replace(/\s(?=\S*\s)/g, ' ');
  const chunked = 'Transfer-Encoding' in headers;
  const framed = chunked ? { ...headers, 'Transfer-Encoding': 'chunked' } : headers;
  const payload = chunked ? '' : body;
  const head = rawRequest(line.trim(), { Authorization: authorization, ...framed }, payload);
  return chunked ? `${head}${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n` : head;
}

test('[HTTP4] [ERR2] [ERR3] [DUR5] every HTTP request gets a response of the protocol', async () => {
  await fc.assert(
    fc.asyncProperty(fuzzedRequest, async (request) => {
      const bytes = bytesOf(request);
      const answers = await sendRaw(server.url, bytes);
      expect(answers.length, bytes).toBeGreaterThan(0);
      for (const answer of answers) check(answer, bytes);
    }),
    { numRuns: 1500 },
  );
  const { status } = await fetch(`${server.url}/ready`);
  expect(status).toBe(200);
});

/** Empty lines before a request begin none (RFC 9112, section 2.2): the server waits for it, and so would the test. */
const someNoise = fc
  .uint8Array({ minLength: 1, maxLength: 200 })
  .filter((noise) => noise.some((byte) => byte !== 0x0a && byte !== 0x0d));

test('[DUR5] bytes that are no HTTP are answered or dropped, and the next client is well', async () => {
  await fc.assert(
    fc.asyncProperty(someNoise, async (noise) => {
      const bytes = Buffer.concat([noise, Buffer.from('\r\n\r\n')]);
      for (const answer of await sendRaw(server.url, bytes))
        check(answer, bytes.toString('latin1'));
    }),
    { numRuns: 150 },
  );
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});
