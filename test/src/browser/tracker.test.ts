import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { root } from '../conventions/sources.js';
import { copyOfExample, exampleFiles } from '../harness/example.js';
import { ServerProcess } from '../harness/server-process.js';
import { inboxUrl } from '../harness/tracker.js';
import { browserProgram, openBrowser, type Person, picture } from './chromium.js';

const example = join(root, 'examples/tracker');
const inChromium = test.skipIf(browserProgram === undefined);

interface RunningTracker extends AsyncDisposable {
  readonly url: string;
  /** The link of the email that this address got last, on this server; waits for it. */
  link(email: string): Promise<string>;
}

/** The example as somebody would copy it, with its inbox. */
async function startTracker(): Promise<RunningTracker> {
  const copy = await copyOfExample('tracker');
  const { startInbox }: { startInbox(port: number): Promise<Server> } = await import(
    pathToFileURL(join(example, 'inbox.js')).href
  );
  const inbox = await startInbox(0);
  const address = `http://127.0.0.1:${(inbox.address() as AddressInfo).port}`;
  const config = exampleFiles('tracker')['really.yaml'] ?? '';
  await copy.write({ 'really.yaml': config.replaceAll(inboxUrl, address) });
  const server = await ServerProcess.start({ dir: copy.dir, command: 'dev' });
  const link = async (email: string): Promise<string | undefined> => {
    const page = await (await fetch(address)).text();
    const [, hash] = new RegExp(`To ${email}: confirm[^#]*(#verify=[^"]+)"`).exec(page) ?? [];
    return hash && `${server.url}/${hash}`;
  };
  return {
    url: server.url,
    async link(email) {
      await expect.poll(() => link(email)).toBeDefined();
      return (await link(email)) ?? '';
    },
    async [Symbol.asyncDispose]() {
      await server.kill();
      inbox.closeAllConnections();
      inbox.close();
      await once(inbox, 'close');
      await copy[Symbol.asyncDispose]();
    },
  };
}

async function signUp(person: Person, { url }: RunningTracker, name: string): Promise<Page> {
  const page = await person.open(url);
  await page.locator('#sign-in input[name=email]').fill(`${name.toLowerCase()}@example.com`);
  await page.locator('#sign-in input[name=password]').fill('correct horse');
  await page.locator('#sign-in input[name=name]').fill(name);
  await page.getByText('Sign up', { exact: true }).click();
  await page.locator('#my-name', { hasText: name }).waitFor();
  return page;
}

const card = (page: Page, title: string) => page.locator('.task', { hasText: title });

inChromium('the tracker in Chromium: from the invitation to the finished task', async () => {
  await using tracker = await startTracker();
  await using amalsBrowser = await openBrowser();
  await using benosBrowser = await openBrowser({ colorScheme: 'dark' });
  const amal = await signUp(amalsBrowser, tracker, 'Amal');
  await amal.locator('#new-project input').fill('Move to the new office');
  await amal.locator('#new-project button').click();
  await amal.locator('#projects', { hasText: 'Move to the new office' }).waitFor();
  for (const [title, priority] of [
    ['Order boxes', '3'],
    ['Find a plumber', '2'],
    ['Water the plants', '1'],
  ] as const) {
    await amal.locator('#new-task input').fill(title);
    await amal.locator('#new-task select').selectOption(priority);
    await amal.locator('#new-task button').click();
    await card(amal, title).waitFor();
  }
  await amal.locator('#invite input').fill('beno@example.com');
  await amal.locator('#invite button').click();

  const beno = await signUp(benosBrowser, tracker, 'Beno');
  await beno.locator('#unverified').waitFor();
  expect(await beno.locator('#invitations button').count()).toBe(0);
  await beno.goto(await tracker.link('beno@example.com'));
  await beno.locator('#invitations button').click();
  await card(beno, 'Order boxes').waitFor();
  await amal.locator('#members', { hasText: 'Beno' }).waitFor();

  await card(beno, 'Order boxes').locator('select').selectOption({ label: 'Beno' });
  await card(beno, 'Order boxes').getByText('Start').click();
  await amal.locator('#doing', { hasText: 'Order boxes' }).waitFor();
  await card(beno, 'Order boxes').getByText('Finish').click();
  await amal.locator('#done', { hasText: 'Order boxes' }).waitFor();
  await card(amal, 'Find a plumber').getByText('Start').click();
  await beno.locator('#doing', { hasText: 'Find a plumber' }).waitFor();
  const assigned = card(amal, 'Order boxes').locator('select');
  await expect.poll(() => assigned.evaluate((select) => select.textContent)).toContain('Beno');
  await picture(amal, 'tracker-light');
  await picture(beno, 'tracker-dark');

  await amal.locator('#members li', { hasText: 'Beno' }).getByText('Remove').click();
  await beno.locator('#project').waitFor({ state: 'hidden' });
  await expect.poll(() => beno.locator('#projects button').count()).toBe(0);
  expect([...amalsBrowser.troubles, ...benosBrowser.troubles]).toEqual([]);
});
