import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const programs = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The browser of this machine, where it has one. */
export const browserProgram = programs.find((program) => existsSync(program));

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** Milliseconds for whatever a page has to do: as for `expect.poll`, a busy machine is no failure. */
const patience = 120_000;

const screenshots = fileURLToPath(new URL('../../screenshots', import.meta.url));

/** One person's browser, with a profile of its own: all its pages share a sign-in. */
export interface Person extends AsyncDisposable {
  readonly context: BrowserContext;
  open(url: string): Promise<Page>;
  /** What went wrong in its pages: exceptions, and errors on the console. */
  readonly troubles: readonly string[];
}

export async function openBrowser(
  options: Parameters<typeof chromium.launchPersistentContext>[1] = {},
): Promise<Person> {
  const profile = await mkdtemp(join(tmpdir(), 'really-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: browserProgram ?? '',
    args: flags,
    viewport: { width: 1200, height: 800 },
    timeout: patience,
    ...options,
  });
  context.setDefaultTimeout(patience);
  const troubles: string[] = [];
  return {
    context,
    troubles,
    async open(url) {
      const page = await context.newPage();
      page.on('pageerror', (error) => troubles.push(error.message));
      page.on('console', (message) => {
        // A server that is down is what some tests are about.
        const isDrop = /net::ERR_|WebSocket connection|status of (426|503)/.test(message.text());
        if (message.type() === 'error' && !isDrop) troubles.push(message.text());
      });
      await page.goto(url);
      return page;
    },
    async [Symbol.asyncDispose]() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Keeps a picture for people to look at, in `test/screenshots`. */
export async function picture(page: Page, name: string): Promise<void> {
  await mkdir(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`) });
}
