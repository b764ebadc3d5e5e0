import type { Locator, Page } from 'playwright-core';

/** The board's page, in terms of its users. */
export class BoardPage {
  readonly page: Page;
  constructor(page: Page) {
    this.page = page;
  }

  /** Resolves when the page says that it is connected. */
  async isLive(): Promise<void> {
    await this.page.locator('#state[data-state="live"]').waitFor();
  }

  async isNotLive(): Promise<void> {
    await this.page.locator('#state:not([data-state="live"])').waitFor();
  }

  async callMyself(name: string): Promise<void> {
    await this.page.locator('#name').fill(name);
    await this.page.locator('#name').press('Enter');
  }

  async addBoard(title: string): Promise<void> {
    await this.page.locator('#new-board input').fill(title);
    await this.page.locator('#new-board button').click();
    await this.title(title).waitFor();
  }

  async openBoard(title: string): Promise<void> {
    await this.page.getByRole('link', { name: title }).click();
    await this.title(title).waitFor();
  }

  title(title: string): Locator {
    return this.page.getByRole('heading', { name: title, level: 2 });
  }

  async addNote(text: string, color = 'yellow'): Promise<void> {
    await this.page.locator(`#new-note label[data-color="${color}"]`).click();
    await this.page.locator('#new-note textarea').fill(text);
    await this.page.locator('#new-note textarea').press('Enter');
  }

  note(text: string): Locator {
    return this.page.locator('.note', { has: this.page.getByText(text, { exact: true }) });
  }

  async votesOf(text: string): Promise<number> {
    return Number(await this.note(text).locator('.votes').textContent());
  }

  /** By the keyboard, since another note may cover this one. */
  async vote(text: string): Promise<void> {
    await this.note(text).locator('.vote').press('Enter');
  }

  /** Where a note hangs, as parts of the board. */
  async placeOf(text: string): Promise<{ x: number; y: number }> {
    return await this.note(text).evaluate((element) => {
      const { style } = element as unknown as { style: { getPropertyValue(n: string): string } };
      return { x: Number(style.getPropertyValue('--x')), y: Number(style.getPropertyValue('--y')) };
    });
  }
}
