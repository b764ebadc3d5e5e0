import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from '../../conventions/sources.js';
import { testSecret } from '../../harness/server-process.js';
import { wireServer } from '../wire-server.js';

const server = wireServer();
const run = promisify(execFile);

/** The examples of docs/auth.md: what is typed, and what it prints. */
function examples(): { command: string; prints: string }[] {
  const page = readFileSync(join(root, 'docs/auth.md'), 'utf8');
  const blocks = [...page.matchAll(/```console\n([\s\S]*?)```/g)];
  return blocks.flatMap(([, block = '']) =>
    block.split(/^\$ /m).flatMap((part) => {
      const [, command = '', prints = ''] = /^((?:.*\\\n)*.*)\n([\s\S]*)$/.exec(part) ?? [];
      return command === '' ? [] : [{ command, prints: prints.trim() }];
    }),
  );
}

/** `…` stands for anything. */
function patternOf(text: string): RegExp {
  const parts = text.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}

test('the examples of docs/auth.md print what the page says', async () => {
  const shown = examples();
  expect(shown.length).toBeGreaterThan(7);
  const set: string[] = [];
  for (const { command, prints } of shown) {
    const script = [`REALLY_SECRET='${testSecret}'`, `URL='${server.url}'`, ...set, command];
    const { stdout } = await run('sh', ['-ec', script.join('\n')]);
    expect({ command, stdout: stdout.trim() }).toEqual({
      command,
      stdout: expect.stringMatching(patternOf(prints)),
    });
    // What a command assigns is there for those that follow, as at a terminal.
    if (/^\w+=\$\(/.test(command)) {
      const [name = ''] = command.split('=');
      const { stdout: value } = await run('sh', ['-ec', [...script, `echo "$${name}"`].join('\n')]);
      set.push(`${name}='${value.trim()}'`);
    }
  }
});
