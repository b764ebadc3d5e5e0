import { describe, expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { ServerProcess } from '../harness/server-process.js';
import { browserProgram, openBrowser } from './chromium.js';

const long = 'a'.repeat(120);

const inChromium = test.skipIf(browserProgram === undefined);

describe('the page of development', () => {
  inChromium(
    '[CLI12] is no wider than its window, whatever names the models have, and its lines for the console work',
    async () => {
      await using app = await appFolder({
        [`models/${long}/model.yaml`]: `version: 1\nfields: { ${long}: { type: String } }\n`,
        [`models/${long}/${long}/model.yaml`]: 'version: 1\nfields: {}\n',
      });
      await using server = await ServerProcess.start({
        dir: app.dir,
        command: 'dev',
      });
      await using person = await openBrowser({ viewport: { width: 360, height: 800 } });
      const page = await person.open(server.url);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
      const answered = page.waitForEvent('websocket').then((socket) =>
        socket.waitForEvent('framereceived', {
          predicate: ({ payload }) => payload.toString().includes('"tag":2'),
        }),
      );
      const lines = (await page.textContent('#snippet')) ?? '';
      // As a console does; the policy of the page lets no script in it evaluate text.
      const devTools = await person.context.newCDPSession(page);
      await devTools.send('Runtime.evaluate', { expression: lines, replMode: true });
      expect(JSON.parse((await answered).payload.toString())).toMatchObject({
        body: { items: [] },
      });
      expect(person.troubles).toEqual([]);
    },
  );
});
