import { expect, test } from 'vitest';
import { Client } from '../harness/client.js';
import { copyOfExample } from '../harness/example.js';
import { ServerProcess } from '../harness/server-process.js';
import { BoardPage } from './board-page.js';
import { browserProgram, openBrowser, type Person, picture } from './chromium.js';

const inChromium = test.skipIf(browserProgram === undefined);

/** Machines that run tests are slow at times. */
const until = <T>(read: () => Promise<T>) => expect.poll(read);

async function openBoardPage(person: Person, url: string): Promise<BoardPage> {
  const board = new BoardPage(await person.open(url));
  await board.isLive();
  return board;
}

inChromium(
  'the board in Chromium: what one person does appears at once for the other',
  async () => {
    await using copy = await copyOfExample('board');
    await using server = await ServerProcess.start({ dir: copy.dir, command: 'dev' });
    await using amalsBrowser = await openBrowser();
    await using benosBrowser = await openBrowser({ colorScheme: 'dark' });
    const amal = await openBoardPage(amalsBrowser, server.url);
    const beno = await openBoardPage(benosBrowser, server.url);
    await picture(amal.page, 'empty');
    await amal.callMyself('Amal');
    await beno.callMyself('Beno');

    await amal.addBoard('Summer party');
    await beno.openBoard('Summer party');
    await beno.page.getByText('by Amal', { exact: true }).waitFor();
    await amal.addNote('Bring a cake', 'pink');
    await amal.addNote('Who has a grill?');
    await beno.addNote('Lights for the garden', 'green');
    await amal.note('Lights for the garden').waitFor();
    await beno.note('Bring a cake').waitFor();
    await beno.note('Bring a cake').getByText('Amal', { exact: true }).waitFor();
    await amal.note('Lights for the garden').getByText('B', { exact: true }).waitFor();

    // Votes of both count, and make it popular: a calculated field.
    await Promise.all([amal.vote('Bring a cake'), beno.vote('Bring a cake')]);
    for (let n = 0; n < 3; n++) await beno.vote('Bring a cake');
    await until(() => amal.votesOf('Bring a cake')).toBe(5);
    await amal.note('Bring a cake').locator('.popular').waitFor();

    // Only the author edits, and the remark is for the author alone.
    expect(await beno.note('Bring a cake').locator('.edit').isVisible()).toBe(false);
    const mine = amal.note('Bring a cake');
    await mine.locator('.edit').press('Enter');
    await mine.locator('textarea[name=remark]').fill('not too sweet');
    await mine.locator('textarea[name=text]').fill('Bring two cakes');
    await picture(amal.page, 'editing');
    await amal.page.locator('.editor:visible button[type=submit]').press('Enter');
    await beno.note('Bring two cakes').waitFor();
    await amal.note('not too sweet').waitFor();
    expect(await beno.page.content()).not.toContain('not too sweet');

    // Text stays text.
    const nasty = '<img src=x onerror="document.title=1"> & <b>bold</b>';
    await beno.addNote(nasty, 'blue');
    await amal.note(nasty).waitFor();
    expect(await amal.page.locator('.note img, .note b').count()).toBe(0);

    // Who is here, and what is dragged, is seen by the others at once; a note is stored when it is dropped.
    await amal.page.locator('#here').getByTitle('Beno').waitFor();
    await beno.page.locator('#here').getByTitle('Amal').waitFor();
    using client = await Client.connect(server.socketUrl);
    const grill = await beno.note('Who has a grill?').getAttribute('data-r');
    const stored = async () => (await client.request({ cmd: 'get', r: grill })).body?._rev;
    // Above whatever covers it.
    await beno.note('Who has a grill?').locator('.grip').focus();
    const grip = await beno.note('Who has a grill?').locator('.grip').boundingBox();
    if (grip === null) throw new Error('no grip');
    // What does not change stays, so that it can be clicked and selected meanwhile.
    const link = amal.page.locator('#boards a', { hasText: 'Summer party' });
    await link.evaluate((element) => element.setAttribute('data-before', ''));
    await beno.page.mouse.move(grip.x + 5, grip.y + 5);
    await beno.page.mouse.down();
    await beno.page.mouse.move(700, 420, { steps: 8 });
    const dragged = await beno.placeOf('Who has a grill?');
    await until(() => amal.placeOf('Who has a grill?')).toEqual(dragged);
    await amal.page.locator('.note.held[data-holder="Beno"]', { hasText: 'grill' }).waitFor();
    expect(await stored()).toBe(1);
    expect(await amal.page.locator('#boards a[data-before]').count()).toBe(1);
    await picture(amal.page, 'board-dragged');
    await beno.page.mouse.move(760, 460, { steps: 8 });
    await beno.page.mouse.up();
    await amal.page.locator('.note.held').waitFor({ state: 'detached' });
    const dropped = await beno.placeOf('Who has a grill?');
    expect(dropped).not.toEqual(dragged);
    await until(() => amal.placeOf('Who has a grill?')).toEqual(dropped);
    await until(stored).toBe(2);
    await amal.note('Who has a grill?').locator('.grip').press('ArrowLeft');
    await until(() => amal.placeOf('Who has a grill?')).not.toEqual(dropped);
    const moved = await amal.placeOf('Who has a grill?');
    expect(moved.x).toBeLessThan(dropped.x);
    await until(() => beno.placeOf('Who has a grill?')).toEqual(moved);
    await until(stored).toBe(3);

    await picture(amal.page, 'board-light');
    await picture(beno.page, 'board-dark');

    // New notes hang anywhere, also below the one that was moved: the keys reach it there.
    await beno.note(nasty).locator('.delete').press('Enter');
    await amal.note(nasty).waitFor({ state: 'detached' });

    // A second window of the same person is the same author.
    const again = await openBoardPage(amalsBrowser, amal.page.url());
    await again.note('Bring two cakes').locator('.edit').waitFor();
    expect(await again.page.locator('#name').inputValue()).toBe('Amal');
    await again.page.locator('#here').getByTitle('Beno').waitFor();
    expect(await again.page.locator('#here li').count()).toBe(2);
    await again.page.setViewportSize({ width: 390, height: 780 });
    await picture(again.page, 'board-narrow');
    const overflow = 'document.documentElement.scrollWidth > document.documentElement.clientWidth';
    expect(await again.page.evaluate(overflow)).toBe(false);

    expect([...amalsBrowser.troubles, ...benosBrowser.troubles]).toEqual([]);
  },
);

inChromium(
  'the board in Chromium: after kill -9 and a new start the pages come back by themselves and are right',
  async () => {
    await using copy = await copyOfExample('board');
    await using first = await ServerProcess.start({ dir: copy.dir, command: 'dev' });
    const { port } = new URL(first.url);
    await using amalsBrowser = await openBrowser();
    await using benosBrowser = await openBrowser();
    const amal = await openBoardPage(amalsBrowser, first.url);
    await amal.addBoard('Plans');
    await amal.addNote('before');
    await amal.vote('before');
    await until(() => amal.votesOf('before')).toBe(1);
    const beno = await openBoardPage(benosBrowser, amal.page.url());
    await beno.note('before').waitFor();

    await first.kill();
    await Promise.all([amal.isNotLive(), beno.isNotLive()]);
    await picture(amal.page, 'offline');
    // What is done meanwhile is shown at once, goes out later, and counts once.
    await amal.vote('before');
    await until(() => amal.votesOf('before')).toBe(2);
    await amal.addNote('written while offline');
    await amal.note('written while offline').waitFor();
    await amal.page.getByText('not sent yet: 2').waitFor();
    await picture(amal.page, 'offline-written');

    await using second = await ServerProcess.start({
      dir: copy.dir,
      command: 'dev',
      args: ['--port', port],
    });
    expect(second.url).toBe(first.url);
    await Promise.all([amal.isLive(), beno.isLive()]);
    await beno.note('written while offline').waitFor();
    await until(() => beno.votesOf('before')).toBe(2);
    await until(() => amal.votesOf('before')).toBe(2);
    await beno.vote('before');
    await until(() => amal.votesOf('before')).toBe(3);
    expect(await amal.page.locator('.note').count()).toBe(2);
    expect(await beno.page.locator('.note').count()).toBe(2);
    expect([...amalsBrowser.troubles, ...benosBrowser.troubles]).toEqual([]);
  },
);
