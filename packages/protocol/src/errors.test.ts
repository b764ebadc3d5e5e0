import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type ErrorKind, errorTable, fail, ProtocolError } from './errors.js';
import { errorResponse } from './messages/response.js';

const page = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');
const table: [string, ErrorKind][] = Object.entries(errorTable);

describe('the table', () => {
  test('[ERR2] has the errors of the docs page, under the same codes, and no others', () => {
    const rows = [...page.matchAll(/^\| (\d{3}) \| (.*?) \|.*\|$/gm)];
    const ofCommands = rows.filter(([row]) => !row.includes('over HTTP alone'));
    const listed = ofCommands.flatMap(([, code, messages = '']) =>
      [...messages.matchAll(/`([^`]+)`/g)]
        .map(([, message]) => message)
        .filter((message) => message !== undefined && !/^(cancel|meta\.|error\.)/.test(message))
        .map((message) => `${code} ${message}`),
    );
    expect(listed.length).toBeGreaterThan(20);
    expect(table.map(([message, { code }]) => `${code} ${message}`).sort()).toEqual(listed.sort());
  });

  test('[ERR2] only a delay makes a client wait, and only these two close the socket', () => {
    const messagesWith = (part: Partial<ErrorKind>) =>
      table
        .filter(([, kind]) =>
          Object.entries(part).every(([key, value]) => kind[key as keyof ErrorKind] === value),
        )
        .map(([message]) => message);
    expect(messagesWith({ retry: 'backoff' })).toEqual(['rate.limited', 'server.unavailable']);
    expect(messagesWith({ closes: true })).toEqual(['json.malformed', 'message.too.large']);
  });
});

describe('an error on the wire', () => {
  test('[ERR1] omits empty errors', () => {
    expect(JSON.stringify(fail('object.gone'))).toBe('{"code":410,"message":"object.gone"}');
    expect(JSON.stringify(fail('validation.failed', {}))).toBe(
      '{"code":409,"message":"validation.failed"}',
    );
    expect(JSON.stringify(fail('validation.failed', { email: ['type.invalid'] }))).toBe(
      '{"code":409,"message":"validation.failed","errors":{"email":["type.invalid"]}}',
    );
  });

  test('[ENV7] an argument is named by its path, even an unusual one', () => {
    expect(fail.invalid('cmdOpts.limit', 'expected.integer').toJSON()).toEqual({
      code: 400,
      message: 'request.invalid',
      errors: { 'cmdOpts.limit': ['expected.integer'] },
    });
    const odd = fail.invalid('__proto__', 'expected.path').errors;
    expect(Object.keys(odd ?? {})).toEqual(['__proto__']);
  });

  test('[ERR1] [ERR2] has the tag and the R where known; the delay beside the error, the id in it', () => {
    const limited = fail('rate.limited', undefined, { meta: { retryAfter: 2 } });
    expect(errorResponse(limited, { tag: 0, r: '/users/1' })).toEqual({
      tag: 0,
      r: '/users/1',
      error: { code: 429, message: 'rate.limited' },
      meta: { retryAfter: 2 },
    });
    const broken = fail('internal.server.error', undefined, { id: 'e1' });
    expect(errorResponse(broken)).toEqual({
      error: { code: 500, message: 'internal.server.error', id: 'e1' },
    });
  });

  test('[ERR3] the stack is not sent', () => {
    const error = fail('internal.server.error', undefined, { id: 'e1' });
    expect(error.stack).toContain('errors.test');
    expect(JSON.stringify({ error, response: errorResponse(error) })).not.toMatch(
      /stack|errors\.test/,
    );
  });

  test('[HOK5] a hook may choose code and message', () => {
    const error = new ProtocolError({ code: 418, message: 'tea only' });
    expect(error).toBeInstanceOf(Error);
    expect(error.toJSON()).toEqual({ code: 418, message: 'tea only' });
  });
});
