import fc from 'fast-check';
import { oddValue } from './arbitraries.js';

/** A request as bytes would have it: all of it text. */
export interface FuzzedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const method = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('GET', 'POST', 'PATCH', 'DELETE', 'HEAD', 'PUT') },
  fc.constantFrom('OPTIONS', 'TRACE', 'PURGE', 'QUERY', 'PROPFIND', 'get', 'BREW', 'A'),
);

/** Text that fits into a request line. */
const oddText = fc
  .oneof(
    oddValue.map((value) => String(typeof value === 'string' ? value : JSON.stringify(value))),
    fc.string({ unit: 'binary', maxLength: 12 }),
  )
  .map((text) => encodeURIComponent(Buffer.from(text).toString()).slice(0, 2000));

const rawOddText = fc.stringMatching(/^[!-~]{0,12}$/);

const segment = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('things', 'secrets', '1', '2', '3', 's', '*', '', 'nothing'),
  },
  fc.constantFrom(
    '_accounts',
    'socket',
    '%',
    '%ff',
    '%zz$&',
    '%2F',
    '..',
    '.',
    '__proto__',
    '@',
    'a b',
    ';',
  ),
  oddText,
  rawOddText.map((text) => text.replace(/[?#]/g, '')),
);

const goodPath = fc.constantFrom(
  ...['things', 'things/', 'things/*', 'things/1', 'things/2', 'things/3', 'secrets', 'secrets/s'],
);

const path = fc.oneof(
  { weight: 16, arbitrary: goodPath.map((r) => `/v0.1/${r}`) },
  {
    weight: 4,
    arbitrary: fc
      .array(segment, { minLength: 1, maxLength: 4 })
      .map((all) => `/v0.1/${all.join('/')}`),
  },
  fc.constantFrom(
    '/v0.1',
    '/v9/things',
    '/v/things',
    '/v0.1/socket',
    '/health',
    '/ready',
    '//',
    '*',
  ),
  fc.constantFrom(
    '/auth/anonymous',
    '/auth/anonymous/login/',
    '/auth',
    '/openapi.json',
    '/favicon.ico',
  ),
  rawOddText.map((text) => `/${text.replace(/[?#]/g, '')}`),
);

/** Deeper than anything that goes by recursion. */
const deepValues = `{"x":${'['.repeat(7000)}${']'.repeat(7000)}}`.replaceAll('"', '%22');

const parameter = fc
  .tuple(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom('fields', 'filter', 'values', 'limit', 'skip', 'sort', 'count'),
      },
      fc.constantFrom('ascending', 'paginationToken', 'includeTotalCount', 'lastEventId', 'since'),
      fc.constantFrom('access_token', '__proto__', 'subscribe', 'constructor[a]', 'x[]'),
    ),
    fc.oneof(
      fc.constantFrom('n', 'n,text', '@none', '1', '0', '-1', '1e3', 'true', '', '-n', 'null'),
      fc.constant(deepValues),
      fc.constantFrom('n > 1', 'n = $x', '{"x":1}', "text starts with 'a'", '%', '((((', 'n in $x'),
      oddText,
    ),
  )
  .map(([name, value]) => `${name}=${value.includes('%') ? value : encodeURIComponent(value)}`);

const header = fc.tuple(
  fc.constantFrom(
    ...['If-Match', 'If-None-Match', 'Accept', 'Content-Type', 'Content-Encoding', 'Last-Event-ID'],
    ...['Idempotency-Key', 'X-Trace-Id', 'traceparent', 'Origin', 'X-Forwarded-For', 'Range'],
    ...['Authorization', 'Transfer-Encoding', 'Access-Control-Request-Method', 'Upgrade', 'Cookie'],
  ),
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom('1', '"1"', 'W/"2"', '*', '"1", "2"', '0', '', 'gzip', 'chunked'),
    },
    fc.constantFrom('text/event-stream', 'application/json', 'identity', 'bytes=0-1', 'websocket'),
    fc.stringMatching(/^[ -~]{0,20}$/),
  ),
);

const op = fc.record({
  op: fc.constantFrom('set', 'addNumber', 'push', 'pull', 'insertAt', 'nothing'),
  key: fc.constantFrom('n', 'text', 'list', 'doc.a', 'json.a[3]', '__proto__', ''),
  value: oddValue,
});

const body = fc.oneof(
  fc.constant(''),
  fc.record({ n: fc.integer(), text: fc.string() }).map((one) => JSON.stringify(one)),
  fc.record({ ops: fc.array(op, { maxLength: 3 }) }).map((one) => JSON.stringify(one)),
  oddValue.map((value) => JSON.stringify(value) ?? ''),
  fc.json().map((text) => text.slice(0, -1)),
  fc.string({ unit: 'binary', maxLength: 30 }),
);

export const fuzzedRequest: fc.Arbitrary<FuzzedRequest> = fc.record({
  method,
  path,
  query: fc.array(parameter, { maxLength: 2 }).map((all) => all.join('&')),
  headers: fc.array(header, { maxLength: 2 }).map((all) => Object.fromEntries(all)),
  body,
});
