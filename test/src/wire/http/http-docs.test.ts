import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { root } from '../../conventions/sources.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

interface Fence {
  readonly language: string;
  readonly text: string;
}

const page = readFileSync(join(root, 'docs/http.md'), 'utf8');
const fences: Fence[] = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', text = '']) => ({ language, text }),
);

const [model] = fences;
const server = wireServer({}, { 'models/notes/model.yaml': model?.text ?? '' });

async function run(command: string): Promise<string> {
  const env = {
    PATH: process.env.PATH ?? '',
    REALLY: server.url,
    TOKEN: signToken({ uid: 'reader' }, testSecret),
    SECRET: testSecret,
  };
  const { stdout } = await promisify(execFile)('bash', ['-ec', command], { env });
  return stdout.replaceAll('\r', '');
}

/** The example as a matcher: `…` stands for any text. */
function expected(value: unknown): unknown {
  if (value === '…') return expect.any(String);
  if (Array.isArray(value)) return value.map(expected);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, expected(one)]));
}

// One after the other, as a reader would try them.
describe('docs/http.md', () => {
  const commands = fences.flatMap((fence, index) => {
    return fence.language === 'sh' ? [{ command: fence.text, answer: fences[index + 1] }] : [];
  });
  expect(commands.length).toBeGreaterThan(12);

  test.for(commands)('[HTTP4] $command', async ({ command, answer }) => {
    const said = await run(command);
    if (answer?.language === 'json') {
      expect(JSON.parse(said)).toMatchObject(expected(JSON.parse(answer.text)) as object);
    } else {
      expect(answer?.language).toBe('text');
      for (const line of answer?.text.trim().split('\n') ?? []) expect(said).toContain(line);
    }
  });
});
