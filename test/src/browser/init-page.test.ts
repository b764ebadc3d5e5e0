import { execFile } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { runProgram } from '../cli/run-program.js';
import { root } from '../conventions/sources.js';
import { appFolder } from '../harness/app-folder.js';
import { ServerProcess } from '../harness/server-process.js';
import { browserProgram, openBrowser, picture } from './chromium.js';

const inChromium = test.skipIf(browserProgram === undefined);

const texts = (page: Page) => page.locator('#tasks label').allTextContents();

/** What `npm install` and `npm run build` do, with what the repository has. */
async function built(dir: string): Promise<void> {
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
  const rolldown = join(root, 'node_modules/rolldown/bin/cli.mjs');
  await promisify(execFile)(process.execPath, [rolldown, '-c'], { cwd: dir });
}

inChromium.each(['plain', 'react'])(
  '[CLI8] two windows of the page of init, %s, show the same tasks',
  async (template) => {
    await using outer = await appFolder({});
    const made = await runProgram(['init', 'app', '--template', template], outer);
    expect(made).toMatchObject({ code: 0 });
    const dir = join(outer.dir, 'app');
    if (template === 'react') await built(dir);
    await using server = await ServerProcess.start({ dir, command: 'dev' });
    await using person = await openBrowser();
    const [one, two] = [await person.open(server.url), await person.open(server.url)];
    await expect.poll(() => two.textContent('[role=status]')).toBe('connected');

    await one.fill('form input', 'Buy milk');
    await one.press('form input', 'Enter');
    await expect.poll(() => texts(two)).toEqual([' Buy milk']);
    await two.locator('#tasks input').check();
    const removal = one.locator('#tasks button');
    await removal.waitFor();
    await picture(one, `init-${template}`);
    await removal.click();
    await expect.poll(() => texts(two)).toEqual([]);
    expect(await one.textContent('#problem')).toBe('');
    expect(person.troubles).toEqual([]);
  },
);
