import type { JsonObject } from '@really/protocol';
import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { Client } from '../harness/client.js';
import { copyOfExample } from '../harness/example.js';
import { ServerProcess } from '../harness/server-process.js';
import { browserProgram, openBrowser, type Person, picture } from './chromium.js';

const inChromium = test.skipIf(browserProgram === undefined);

/** The chat's page, in terms of its users. */
class ChatPage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  static async open(person: Person, url: string, name: string): Promise<ChatPage> {
    const chat = new ChatPage(await person.open(url));
    await chat.submit('Your name', name);
    await chat.isLive();
    return chat;
  }

  async isLive(): Promise<void> {
    // A narrow window shows it beside the rooms alone.
    const connection = this.page.locator('.connection[data-live="true"]');
    await connection.waitFor({ state: 'attached' });
  }

  async isNotLive(): Promise<void> {
    await this.page.locator('.connection[data-live="false"]').waitFor();
  }

  async submit(label: string, text: string): Promise<void> {
    await this.page.getByLabel(label, { exact: true }).fill(text);
    await this.page.getByLabel(label, { exact: true }).press('Enter');
  }

  title(title: string): Locator {
    return this.page.getByRole('heading', { name: title, level: 2 });
  }

  async addRoom(title: string): Promise<void> {
    await this.submit('A new room', title);
    await this.title(title).waitFor();
  }

  async openRoom(title: string): Promise<void> {
    await this.page.getByRole('link', { name: title }).click();
    await this.title(title).waitFor();
  }

  /** The link that lets somebody in. */
  async invite(): Promise<string> {
    await this.page.getByRole('button', { name: 'Invite' }).click();
    return await this.page.getByLabel('Link to join').inputValue();
  }

  async send(text: string): Promise<void> {
    await this.submit('Message', text);
  }

  message(text: string): Locator {
    return this.page.locator('.message', { has: this.page.getByText(text, { exact: true }) });
  }

  unread(title: string): Locator {
    return this.page.getByRole('link', { name: title }).locator('.unread');
  }

  here(name: string): Locator {
    return this.page.getByLabel('Here now').getByTitle(name);
  }
}

/** Two people in one room, each with a browser. */
async function twoInRoom(url: string, [amals, benos]: readonly [Person, Person]) {
  const amal = await ChatPage.open(amals, url, 'Amal');
  await amal.addRoom('Tea');
  const beno = await ChatPage.open(benos, await amal.invite(), 'Beno');
  await beno.page.getByRole('button', { name: 'Join as Beno' }).click();
  await beno.title('Tea').waitFor();
  await amal.here('Beno').waitFor();
  await beno.here('Amal').waitFor();
  return { amal, beno };
}

inChromium(
  'the chat in Chromium: messages, who is here, who types, and what is unread',
  async () => {
    await using copy = await copyOfExample('chat');
    await using server = await ServerProcess.start({ dir: copy.dir, command: 'dev' });
    await using amals = await openBrowser();
    await using benos = await openBrowser({ colorScheme: 'dark' });
    await using mallorys = await openBrowser({ viewport: { width: 390, height: 780 } });
    const { amal, beno } = await twoInRoom(server.url, [amals, benos]);

    await amal.send('Is there any tea left?');
    await beno.message('Is there any tea left?').waitFor();
    await beno.page.getByText('Amal', { exact: true }).waitFor();
    await beno.page.getByLabel('Message', { exact: true }).pressSequentially('Two b');
    await amal.page.getByText('Beno is typing …').waitFor();
    await picture(amal.page, 'chat-typing');
    await beno.send('Two bags.\nAnd <b>milk</b>');
    await amal.page.getByText('And <b>milk</b>').waitFor();
    await amal.page.getByText('Beno is typing …').waitFor({ state: 'detached' });
    expect(await amal.page.locator('.message b').count()).toBe(0);

    // Elsewhere, messages are counted until they are seen.
    await amal.addRoom('Work');
    await amal.here('Amal').waitFor();
    await beno.here('Amal').waitFor({ state: 'detached' });
    await beno.send('Are you there?');
    await beno.send('Hello?');
    await expect.poll(() => amal.unread('Tea').textContent()).toBe('2 unread');
    await picture(amal.page, 'chat-unread');
    await amal.openRoom('Tea');
    await amal.unread('Tea').waitFor({ state: 'detached' });
    await amal.openRoom('Work');
    await beno.send('Hello again');
    await expect.poll(() => amal.unread('Tea').textContent()).toBe('1 unread');
    await beno.unread('Tea').waitFor({ state: 'detached' });
    await amal.openRoom('Tea');
    await beno.here('Amal').waitFor();
    await picture(amal.page, 'chat-light');
    await picture(beno.page, 'chat-dark');

    // Whoever closes the page is gone.
    await beno.page.close();
    await amal.here('Beno').waitFor({ state: 'detached' });

    // A stranger sees nothing of it, on a small screen either.
    const mallory = await ChatPage.open(mallorys, amal.page.url(), 'Mallory');
    await mallory.page.getByText('There is no such room, or you are not a member of it.').waitFor();
    expect(await mallory.page.getByText('Tea').count()).toBe(0);
    await mallory.page.getByRole('link', { name: 'Back' }).click();
    await mallory.addRoom('My own');
    await mallory.send('Nobody reads this');
    await mallory.message('Nobody reads this').waitFor();
    await picture(mallory.page, 'chat-narrow');
    const overflow = 'document.documentElement.scrollWidth > document.documentElement.clientWidth';
    expect(await mallory.page.evaluate(overflow)).toBe(false);
    expect([...amals.troubles, ...benos.troubles, ...mallorys.troubles]).toEqual([]);
  },
);

/** In a page: where the topmost message that is in view stands, after scrolling to the top of what is there. */
const scrollToTop = `(() => {
  const scroller = document.querySelector('.scroller');
  scroller.scrollTop = -scroller.scrollHeight;
  const { top } = scroller.getBoundingClientRect();
  const message = [...document.querySelectorAll('.message p')].find((one) => one.getBoundingClientRect().top >= top);
  window.reading = message;
  return message.getBoundingClientRect().top;
})()`;
const topOfReading = 'window.reading.getBoundingClientRect().top';

inChromium(
  'the chat in Chromium: scrolling up brings older messages, and nothing jumps',
  async () => {
    await using copy = await copyOfExample('chat');
    await using server = await ServerProcess.start({ dir: copy.dir, command: 'dev' });
    await using amals = await openBrowser();
    await using benos = await openBrowser();
    const { amal, beno } = await twoInRoom(server.url, [amals, benos]);
    const [, , room] = new URL(amal.page.url()).hash.split('/');
    const token = await amal.page.evaluate<string>('localStorage.getItem("chat.token")');
    const uid = await amal.page.evaluate<string>('localStorage.getItem("chat.uid")');
    using client = await Client.connect(server.socketUrl, token);
    const r = `/rooms/${room}/messages`;
    for (let first = 1; first <= 300; first += 100) {
      const commands = Array.from({ length: 100 }, (_, at): JsonObject => {
        const body = { text: `Message ${first + at}`, author: uid };
        return { cmd: 'create', r, body };
      });
      const { error } = await client.request({ cmd: 'batch', body: { commands } });
      expect(error).toBeUndefined();
    }
    await beno.message('Message 300').waitFor();
    // Hooks count them one after the other.
    const total = async () =>
      (await client.request({ cmd: 'get', r: `/rooms/${room}` })).body.total;
    await expect.poll(total).toBe(300);
    await beno.page.reload();
    await beno.message('Message 300').waitFor();
    await beno.unread('Tea').waitFor({ state: 'detached' });
    const count = () => beno.page.locator('.message').count();
    const before = await count();
    expect(before).toBeLessThan(300);

    const top = await beno.page.evaluate<number>(scrollToTop);
    await expect.poll(count).toBeGreaterThan(before);
    expect(await beno.page.evaluate<number>(topOfReading)).toBeCloseTo(top, 0);
    // What is new below moves nothing either, and is unread until somebody goes there.
    const reading = await beno.page.evaluate<number>(topOfReading);
    await amal.send('And one more');
    await beno.message('And one more').waitFor();
    const down = beno.page.getByRole('button', { name: /^1 new/ });
    await down.waitFor();
    expect(await beno.page.evaluate<number>(topOfReading)).toBeCloseTo(reading, 0);
    await picture(beno.page, 'chat-older');
    await down.click();
    await down.waitFor({ state: 'detached' });

    await expect
      .poll(async () => {
        await beno.page.evaluate(scrollToTop);
        return await beno.page.getByText('This is where it begins.').count();
      })
      .toBe(1);
    expect(await count()).toBe(301);
    expect([...amals.troubles, ...benos.troubles]).toEqual([]);
  },
);

inChromium(
  'the chat in Chromium: a message written offline survives a reload, and is sent once',
  async () => {
    await using copy = await copyOfExample('chat');
    await using first = await ServerProcess.start({ dir: copy.dir, command: 'dev' });
    const { port } = new URL(first.url);
    await using amals = await openBrowser();
    await using benos = await openBrowser();
    const { amal, beno } = await twoInRoom(first.url, [amals, benos]);
    await amal.send('Before the tunnel');
    await beno.message('Before the tunnel').waitFor();
    await amal.page.evaluate('navigator.serviceWorker.ready.then(() => true)');

    await first.kill();
    await Promise.all([amal.isNotLive(), beno.isNotLive()]);
    await amal.send('From the tunnel');
    await amal.message('From the tunnel').getByText('sending …').waitFor();
    await amal.page.getByText('offline, 1 to send').waitFor();
    await amal.page.reload();
    await amal.message('From the tunnel').getByText('sending …').waitFor();
    await amal.send('Still in it');
    await amal.message('Still in it').getByText('sending …').waitFor();
    const inOrder = amal.page.locator('.message p');
    expect(await inOrder.allTextContents()).toEqual(['From the tunnel', 'Still in it']);
    await picture(amal.page, 'chat-offline');

    const args = ['--port', port];
    await using second = await ServerProcess.start({ dir: copy.dir, command: 'dev', args });
    await Promise.all([amal.isLive(), beno.isLive()]);
    await beno.message('From the tunnel').waitFor();
    await beno.message('Still in it').waitFor();
    for (const { page } of [amal, beno]) {
      const texts = page.locator('.message p');
      await expect
        .poll(() => texts.allTextContents())
        .toEqual(['Before the tunnel', 'From the tunnel', 'Still in it']);
      await expect.poll(() => page.getByText('sending …').count()).toBe(0);
    }
    expect(second.url).toBe(first.url);
    expect([...amals.troubles, ...benos.troubles]).toEqual([]);
  },
);
