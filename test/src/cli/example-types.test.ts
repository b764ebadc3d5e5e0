import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from '../conventions/sources.js';
import { runProgram } from './run-program.js';

const examples = readdirSync(join(root, 'examples')).filter((name) =>
  existsSync(join(root, 'examples', name, 'tsconfig.json')),
);

test.each(examples)(
  '[CLI9] the example %s compiles, and its types are those of its models',
  async (name) => {
    const dir = join(root, 'examples', name);
    const types = join(dir, 'src/really.d.ts');
    const check = await runProgram(['models', 'types', '--check', '--out', types], { dir });
    expect(check).toMatchObject({ code: 0 });
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    // The compiler prints its errors on stdout.
    const { stdout } = (await promisify(execFile)(process.execPath, [tsc, '-p', dir]).catch(
      (error: unknown) => error,
    )) as { stdout: string };
    expect(stdout).toBe('');
  },
);
