import { describe, expect, test } from 'vitest';
import { fail } from '../errors.js';
import type { JsonObject, JsonValue } from '../json/json.js';
import { batchRefusal, commandsIn } from './batch.js';
import { parseRequest } from './parse-request.js';

const create = { cmd: 'create', r: '/users', body: { a: 1 } };
const update = {
  cmd: 'UPDATE',
  r: '/users/1/',
  rev: 3,
  body: { ops: [{ op: 'set', key: 'a', value: 2 }] },
};
const remove = { cmd: 'delete', r: '/users/2' };

const batch = (commands: JsonValue, more: JsonObject = {}): JsonObject => ({
  tag: 1,
  cmd: 'batch',
  body: { commands },
  ...more,
});

function errorOf(message: JsonObject): unknown {
  const parsed = parseRequest(message);
  return parsed.ok ? 'accepted' : parsed.error.toJSON();
}

describe('a batch', () => {
  test('[BAT1] has the commands in order, each as it would be parsed alone', () => {
    const message = batch([create, { ...update, tag: 'ignored', other: 1 }, remove], {
      traceId: 't',
      cmdOpts: { once: 'o' },
    });
    const parsed = parseRequest(message);
    if (!parsed.ok || parsed.request.cmd !== 'batch') throw new Error('not accepted');
    const { traceId, cmdOpts, body } = parsed.request;
    expect([traceId, cmdOpts]).toEqual(['t', { once: 'o' }]);
    const alone = [create, update, remove].map((command) => {
      const answer = parseRequest({ tag: 1, ...command });
      return answer.ok ? answer.request : answer.error;
    });
    expect(body.commands).toEqual(alone);
  });

  test('[BAT2] a batch without commands, with more than 100, or with no list is refused', () => {
    const invalid = (path: string, detail: string) => ({
      code: 400,
      message: 'request.invalid',
      errors: { [path]: [detail] },
    });
    const amount = invalid('body.commands', 'expected.from.1.to.100.elements');
    expect(errorOf(batch([]))).toEqual(amount);
    expect(errorOf(batch(Array.from({ length: 101 }, () => remove)))).toEqual(amount);
    expect(errorOf(batch(Array.from({ length: 100 }, () => remove)))).toBe('accepted');
    expect(errorOf(batch({ 0: remove }))).toEqual(invalid('body.commands', 'expected.list'));
    expect(errorOf(batch([remove, 'delete']))).toEqual(
      invalid('body.commands[1]', 'expected.object'),
    );
    expect(errorOf({ tag: 1, cmd: 'batch' })).toEqual(invalid('body', 'expected.object'));
  });

  test.each(['get', 'read', 'batch', 'subscribe', 'initialize', '', 7, null])(
    '[BAT2] %j is no command of a batch',
    (cmd) => {
      expect(errorOf(batch([remove, { ...create, cmd }]))).toEqual({
        code: 400,
        message: 'request.invalid',
        errors: {
          'commands[1]': ['request.invalid'],
          'body.commands[1].cmd': ['expected.create.or.update.or.delete'],
        },
      });
    },
  );

  test('[BAT2] a once-id is for the whole batch', () => {
    expect(errorOf(batch([remove, { ...create, cmdOpts: { once: 'o' } }]))).toEqual({
      code: 400,
      message: 'request.invalid',
      errors: {
        'commands[1]': ['request.invalid'],
        'body.commands[1].cmdOpts.once': ['expected.nothing'],
      },
    });
  });

  test('[BAT4] an ill-formed command refuses the batch with its error, its index and its arguments', () => {
    expect(errorOf(batch([remove, { ...create, r: '/users/*/posts' }]))).toEqual({
      code: 400,
      message: 'r.invalid',
      errors: { 'commands[1]': ['r.invalid'] },
    });
    expect(errorOf(batch([{ ...update, r: '/users' }]))).toEqual({
      code: 400,
      message: 'r.object.required',
      errors: { 'commands[0]': ['r.object.required'] },
    });
    const ops = [{ op: 'add', key: 'a' }];
    expect(errorOf(batch([create, { ...update, rev: 'x', body: { ops } }]))).toEqual({
      code: 400,
      message: 'request.invalid',
      errors: {
        'commands[1]': ['request.invalid'],
        'body.commands[1].rev': ['expected.integer'],
        'body.commands[1].body.ops[0].op': [expect.stringMatching(/^expected\.set\.or\./)],
      },
    });
  });

  test('[BAT4] field errors are also kept under the command; other failures are unchanged', () => {
    const refused = batchRefusal(3, fail('validation.failed', { 'tags[0]': ['a', 'b'] }));
    expect(refused).toMatchObject({
      code: 409,
      message: 'validation.failed',
      errors: { 'commands[3]': ['validation.failed'], 'commands[3].tags[0]': ['a', 'b'] },
    });
    const bug = new TypeError('x');
    expect(batchRefusal(3, bug)).toBe(bug);
  });

  test('[BAT6] counts as its commands', () => {
    const commands = Array.from({ length: 100 }, () => remove);
    expect(commandsIn(batch(commands))).toBe(100);
    expect(commandsIn({ ...batch([remove, remove]), cmd: 'Batch' })).toBe(2);
    for (const message of [
      batch([]),
      batch([...commands, remove]),
      batch(null),
      { cmd: 'batch' },
    ]) {
      expect(commandsIn(message)).toBe(1);
    }
    expect(commandsIn({ ...batch(commands), cmd: 'create' })).toBe(1);
  });

  test.each(['Subscribe', 'unsubscribe'])(
    '[LIM18] in a %s twenty subscriptions count as one',
    (cmd) => {
      const subscribe = (subscriptions: unknown) => {
        return { tag: 1, cmd, body: { subscriptions } } as JsonObject;
      };
      const items = (length: number) => Array.from({ length }, () => ({ r: '/users/1' }));
      expect([0, 1, 20, 21, 10_000].map((n) => commandsIn(subscribe(items(n))))).toEqual([
        1, 1, 1, 2, 500,
      ]);
      expect(commandsIn(subscribe('x'))).toBe(1);
    },
  );
});
